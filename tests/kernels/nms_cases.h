// Anchors for non-maximum suppression, for every backend.
#pragma once
#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "kernels/nms/nms.h"

namespace cudet::test {

/// Returns what nms_reference or nms_cpu keeps; fails if it writes past one candidate per anchor.
inline std::vector<Candidate> run(int (*nms)(const Nms&, Candidate*), const Nms& op) {
  constexpr int kGuardAnchor = -77;
  std::vector<Candidate> candidates(op.anchors + 1);
  candidates.back().anchor = kGuardAnchor;
  const int count = nms(op, candidates.data());
  EXPECT_EQ(candidates.back().anchor, kGuardAnchor) << "written past one candidate per anchor";
  candidates.resize(count);
  return candidates;
}

/// Expects equal bits.
inline void expect_equal(const std::vector<Candidate>& got, const std::vector<Candidate>& want) {
  static_assert(sizeof(Candidate) == 7 * 4, "no padding");
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t n = 0; n < want.size(); ++n)
    ASSERT_EQ(std::memcmp(&got[n], &want[n], sizeof(Candidate)), 0)
        << "detection " << n << ": anchor " << got[n].anchor << ", expected " << want[n].anchor;
}

/// Returns all candidates of the rows, in order: no IoU is above infinity. At most Nms::kMaxCandidates anchors.
inline std::vector<Candidate> all_candidates(Nms op) {
  EXPECT_LE(op.anchors, Nms::kMaxCandidates);
  op.iou = std::numeric_limits<float>::infinity();
  op.max_detections = op.anchors;
  return run(nms_reference, op);
}

/// Returns rows of anchors around `clusters` random boxes.
inline std::vector<float> clustered(int anchors, int classes, int clusters, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> position(0, 600), size(10, 120), jitter(-8, 8), score(0, 1);
  std::vector<float> centres(4 * clusters), rows;
  for (int c = 0; c < clusters; ++c)
    for (int k = 0; k < 4; ++k) centres[4 * c + k] = k < 2 ? position(random) : size(random);
  for (int a = 0; a < anchors; ++a) {
    const float* centre = &centres[4 * (random() % clusters)];
    for (int k = 0; k < 4; ++k) rows.push_back(centre[k] + jitter(random));
    for (int k = 0; k < classes; ++k) rows.push_back(score(random));
  }
  return rows;
}

struct NmsCase {
  int anchors, classes, clusters;
  float confidence, iou;
  bool agnostic;
  int max_detections;
};

inline const std::vector<NmsCase> kNmsCases = {
    {1, 1, 1, 0.0f, 0.7f, false, 300},  {2000, 80, 40, 0.9f, 0.7f, false, 300}, {2000, 3, 40, 0.25f, 0.45f, true, 300},
    {500, 7, 10, 0.1f, 0.3f, false, 5}, {500, 7, 10, 0.1f, 0.0f, false, 500},   {500, 7, 10, 0.1f, 1.0f, true, 500},
};

}  // namespace cudet::test
