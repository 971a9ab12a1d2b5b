// Heads to decode, for every backend.
#pragma once
#include <vector>

#include "kernels/detect_decode/detect_decode.h"
#include "tests/kernels/compare.h"

namespace cudet::test {

struct DetectDecodeCase {
  int n;
  std::vector<Extent> levels;  // rows and columns
  int bins, classes;
  int spare;  // further channels of the tensors of which boxes and scores are slices; half of them come first
};

inline const std::vector<DetectDecodeCase> kDetectDecodeCases = {
    {1, {{1, 1}}, 1, 1, 0},
    {2, {{6, 10}, {3, 5}}, 16, 7, 3},
    {3, {{3, 2}, {5, 4}, {1, 7}, {2, 2}}, 5, 13, 0},
    {1, {{2, 3}}, 19, 33, 1},
    {3, {{9, 7}, {4, 3}}, 16, 32, 16},  // slices that are aligned
    {1, {{1, 5}, {1, 3}, {2, 1}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, {1, 1}}, 3, 1003, 0},
    {1, {{80, 80}, {40, 40}, {20, 20}}, 16, 80, 0},  // YOLOv8 at 640
};

/// A case's head with logits from fixed seeds, in an arena in which y is last.
struct DetectHead {
  explicit DetectHead(const DetectDecodeCase& test) {
    op.bins = test.bins;
    int anchors = 0;
    for (const Extent& size : test.levels) {
      const unsigned seed = static_cast<unsigned>(op.levels);
      DetectDecode::Level& level = op.level[op.levels++];
      level.box = place(test, size, 4 * test.bins, 10 + seed, 20);
      level.score = place(test, size, test.classes, 20 + seed, 12);
      level.stride_y = 8.0f * static_cast<float>(op.levels);
      level.stride_x = level.stride_y + 4;
      level.first_anchor = anchors;
      level.first_tile = op.rows;
      anchors += size.h * size.w;
      op.rows += size.h;
    }
    op.y = arena.place(test.n, 1, anchors, 4 + test.classes);
  }
  Arena reference() const {
    Arena want = arena;
    run_reference(op, {want.data(), nullptr});
    return want;
  }
  DetectDecode op{};
  Arena arena{Space::arena};

 private:
  Tensor place(const DetectDecodeCase& test, Extent size, int channels, unsigned seed, float bound) {
    const int before = test.spare / 2;
    Tensor t = arena.place_random(test.n, size.h, size.w, before + channels, test.spare - before, seed, -bound, bound);
    t.offset += before * sizeof(float);
    t.c = channels;
    return t;
  }
};

/// Expects boxes within `tolerance` relative to the largest number, and each score, far smaller than boxes of hundreds
/// of pixels, within 1e-6 of itself.
inline void expect_decoded(Arena got, Arena want, const Tensor& y, double tolerance) {
  expect_close(got.values, want.values, tolerance);
  for (int i = 0; i < y.n; ++i)
    for (int a = 0; a < y.w; ++a)
      for (int k = 4; k < y.c; ++k) {
        const float difference = std::abs(got.at(y, i, 0, a, k) - want.at(y, i, 0, a, k));
        ASSERT_TRUE(difference <= 1e-6f * want.at(y, i, 0, a, k)) << "anchor " << a << ", class " << k - 4;
      }
}

}  // namespace cudet::test
