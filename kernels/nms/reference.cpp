#include <algorithm>
#include <cmath>

#include "kernels/nms/nms.h"

namespace cudet {
namespace {

Candidate moved(Candidate c, float shift) {
  c.x1 += shift;
  c.y1 += shift;
  c.x2 += shift;
  c.y2 += shift;
  return c;
}

// NaN for two boxes without area, which is not above any threshold.
float intersection_over_union(const Candidate& a, const Candidate& b) {
  const float w = std::max(0.0f, std::min(a.x2, b.x2) - std::max(a.x1, b.x1));
  const float h = std::max(0.0f, std::min(a.y2, b.y2) - std::max(a.y1, b.y1));
  const float intersection = w * h;
  return intersection / ((a.x2 - a.x1) * (a.y2 - a.y1) + (b.x2 - b.x1) * (b.y2 - b.y1) - intersection);
}

}  // namespace

int nms_reference(const Nms& op, Candidate* candidates) {
  int found = 0;
  for (int a = 0; a < op.anchors; ++a) {
    const float* row = op.rows + static_cast<std::size_t>(a) * (4 + op.classes);
    int best = 0;
    for (int k = 1; k < op.classes; ++k)
      if (row[4 + k] > row[4 + best]) best = k;
    const Candidate c{
        row[0] - row[2] / 2, row[1] - row[3] / 2, row[0] + row[2] / 2, row[1] + row[3] / 2, row[4 + best], best, a};
    bool finite = std::isfinite(c.x1) && std::isfinite(c.y1) && std::isfinite(c.x2) && std::isfinite(c.y2);
    for (int k = 0; k < op.classes; ++k) finite = finite && std::isfinite(row[4 + k]);
    if (finite && c.score > op.confidence && (!op.wanted || op.wanted[best])) candidates[found++] = c;
  }
  std::sort(candidates, candidates + found, [](const Candidate& a, const Candidate& b) {
    return a.score != b.score ? a.score > b.score : a.anchor < b.anchor;
  });
  found = std::min(found, Nms::kMaxCandidates);

  int kept = 0;  // number of kept candidates, at the start of `candidates`
  for (int n = 0; n < found && kept < op.max_detections; ++n) {
    bool keep = true;
    for (int m = 0; m < kept; ++m)
      if (op.agnostic || candidates[m].class_id == candidates[n].class_id) {
        const float shift = op.agnostic ? 0 : static_cast<float>(candidates[n].class_id) * Nms::kClassShift;
        const float iou = intersection_over_union(moved(candidates[m], shift), moved(candidates[n], shift));
        keep = keep && !(iou > op.iou);
      }
    if (keep) candidates[kept++] = candidates[n];
  }
  return kept;
}

}  // namespace cudet
