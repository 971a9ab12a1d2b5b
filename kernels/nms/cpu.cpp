#include <algorithm>
#include <cstdint>
#include <cstring>

#include "kernels/nms/nms.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/nms/cpu.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

#ifndef CUDET_KERNELS_NMS_CPU_ONCE
#define CUDET_KERNELS_NMS_CPU_ONCE
namespace cudet {
namespace {

constexpr int kBlock = 64;  // candidates that are compared with the kept ones at a time

// Candidates as a structure of arrays, for vectors.
struct Block {
  float x1[kBlock], y1[kBlock], x2[kBlock], y2[kBlock], area[kBlock];
  float suppressed[kBlock];  // 0 or 1
  std::int32_t class_id[kBlock];
};

// A candidate's box for IoU: moved apart from other classes.
struct Box {
  float x1, y1, x2, y2, area;

  Box(const Candidate& c, bool agnostic) {
    const float shift = agnostic ? 0 : static_cast<float>(c.class_id) * Nms::kClassShift;
    x1 = c.x1 + shift;
    y1 = c.y1 + shift;
    x2 = c.x2 + shift;
    y2 = c.y2 + shift;
    area = (x2 - x1) * (y2 - y1);
  }
};

}  // namespace
}  // namespace cudet
#endif

HWY_BEFORE_NAMESPACE();
namespace cudet {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

// Marks the candidates of the block whose IoU with any of the kept ones is above the threshold.
void suppress(const Candidate* kept, int count, float iou, bool agnostic, Block& block) {
  const hn::ScalableTag<float> d;
  const hn::RebindToSigned<decltype(d)> di;
  const auto zero = hn::Zero(d), threshold = hn::Set(d, iou);
  const int lanes = static_cast<int>(hn::Lanes(d));
  for (int m = 0; m < count; ++m) {
    const Box c(kept[m], agnostic);
    const auto x1 = hn::Set(d, c.x1), y1 = hn::Set(d, c.y1), x2 = hn::Set(d, c.x2), y2 = hn::Set(d, c.y2);
    const auto c_area = hn::Set(d, c.area);
    const auto class_id = hn::Set(di, std::int32_t{kept[m].class_id});
    for (int n = 0; n < kBlock; n += lanes) {
      const auto w = hn::Sub(hn::Min(x2, hn::LoadU(d, block.x2 + n)), hn::Max(x1, hn::LoadU(d, block.x1 + n)));
      const auto h = hn::Sub(hn::Min(y2, hn::LoadU(d, block.y2 + n)), hn::Max(y1, hn::LoadU(d, block.y1 + n)));
      const auto intersection = hn::Mul(hn::Max(w, zero), hn::Max(h, zero));
      const auto united = hn::Sub(hn::Add(c_area, hn::LoadU(d, block.area + n)), intersection);
      auto over = hn::Gt(hn::Div(intersection, united), threshold);
      if (!agnostic) over = hn::And(over, hn::RebindMask(d, hn::Eq(class_id, hn::LoadU(di, block.class_id + n))));
      const auto before = hn::LoadU(d, block.suppressed + n);
      hn::StoreU(hn::IfThenElse(over, hn::Set(d, 1.0f), before), d, block.suppressed + n);
    }
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace cudet
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cudet {
namespace {

// Whether any score is above the threshold. Nearly no anchor has one, so the loop over all scores has no branch.
bool any_above(const float* scores, int classes, float threshold) {
  int above = 0;
  for (int k = 0; k < classes; ++k) above |= scores[k] > threshold;
  return above != 0;
}

// Whether all values are finite.
bool all_finite(const float* values, int count) {
  std::uint32_t infinite = 0;  // not a sum of floats, which the compiler would not divide into vectors
  for (int k = 0; k < count; ++k) {
    std::uint32_t bits;
    std::memcpy(&bits, values + k, sizeof bits);
    infinite |= (bits & 0x7f800000u) == 0x7f800000u;
  }
  return infinite == 0;
}

int find_candidates(const Nms& op, Candidate* candidates) {
  int found = 0;
  const float* row = op.rows;
  for (int a = 0; a < op.anchors; ++a, row += 4 + op.classes) {
    const float* scores = row + 4;
    if (!any_above(scores, op.classes, op.confidence)) continue;
    const int best = static_cast<int>(std::max_element(scores, scores + op.classes) - scores);
    const float half_width = row[2] / 2, half_height = row[3] / 2;
    const float corners[] = {row[0] - half_width, row[1] - half_height, row[0] + half_width, row[1] + half_height};
    if ((op.wanted && !op.wanted[best]) || !all_finite(corners, 4) || !all_finite(scores, op.classes)) continue;
    candidates[found++] = {corners[0], corners[1], corners[2], corners[3], scores[best], best, a};
  }
  return found;
}

// Converts `count` candidates to a Block; its remaining boxes have no area.
Block make_block(const Candidate* candidates, int count, bool agnostic) {
  Block block{};
  for (int n = 0; n < count; ++n) {
    const Box c(candidates[n], agnostic);
    block.x1[n] = c.x1;
    block.y1[n] = c.y1;
    block.x2[n] = c.x2;
    block.y2[n] = c.y2;
    block.area[n] = c.area;
    block.class_id[n] = candidates[n].class_id;
  }
  return block;
}

}  // namespace

HWY_EXPORT(suppress);

bool nms_rows_are_finite(const Nms& op) {
  for (int a = 0; a < op.anchors; ++a)
    if (!all_finite(op.rows + static_cast<std::size_t>(a) * (4 + op.classes), 4 + op.classes)) return false;
  return true;
}

int nms_cpu(const Nms& op, Candidate* candidates) {
  const int found = find_candidates(op, candidates);
  std::sort(candidates, candidates + found, [](const Candidate& a, const Candidate& b) {
    return a.score != b.score ? a.score > b.score : a.anchor < b.anchor;
  });
  const int best = std::min(found, Nms::kMaxCandidates);

  const auto suppress_by = HWY_DYNAMIC_DISPATCH(suppress);
  int kept = 0;  // number of kept candidates, which are moved to the start of `candidates`
  for (int start = 0; start < best && kept < op.max_detections; start += kBlock) {
    const int count = std::min(kBlock, best - start);
    Block block = make_block(candidates + start, count, op.agnostic);
    suppress_by(candidates, kept, op.iou, op.agnostic, block);
    for (int n = 0; n < count && kept < op.max_detections; ++n) {
      if (block.suppressed[n] != 0) continue;
      candidates[kept] = candidates[start + n];
      suppress_by(candidates + kept, 1, op.iou, op.agnostic, block);
      ++kept;
    }
  }
  return kept;
}

}  // namespace cudet
#endif
