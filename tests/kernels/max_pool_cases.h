// Cases for pooling.
#pragma once
#include <limits>
#include <vector>

#include "kernels/max_pool/max_pool.h"
#include "tests/kernels/compare.h"

namespace cudet::test {

struct MaxPoolCase {
  int n, h, w, c;
  int kernel, stride, pad;
  int spare_x, spare_y;  // further channels of the tensors of which x and y are slices
};

inline const std::vector<MaxPoolCase> kMaxPoolCases = {
    {1, 20, 20, 128, 5, 1, 2, 384, 384},  // SPPF of YOLOv8n, in and out of one wide tensor
    {1, 1, 1, 1, 5, 1, 2, 0, 0},          // all pixels of the window except one are outside
    {2, 3, 2, 5, 5, 1, 2, 0, 3},          // the window is larger than the image
    {3, 9, 17, 37, 3, 2, 1, 1, 0},       {2, 8, 7, 4, 2, 2, 0, 0, 0},  // the last column is in no window
    {1, 6, 5, 9, 1, 1, 0, 0, 0},         {1, 11, 13, 19, 9, 3, 4, 2, 5},
};

struct MaxPoolProblem {
  explicit MaxPoolProblem(const MaxPoolCase& t) {
    op.kernel = t.kernel;
    op.stride = t.stride;
    op.pad = t.pad;
    // Negative, so that an outside pixel counted as 0 would win.
    op.x = arena.place_random(t.n, t.h, t.w, t.c, t.spare_x, 1, -9, -1);
    op.y = arena.place(t.n, (t.h + 2 * t.pad - t.kernel) / t.stride + 1, (t.w + 2 * t.pad - t.kernel) / t.stride + 1,
                       t.c, t.spare_y);
  }
  Arena arena{Space::arena};
  MaxPool op{};
};

/// Stores NaN in the first image and -infinity in the last.
inline void place_nan_and_infinity(Arena& arena, const Tensor& x) {
  arena.at(x, 0, x.h / 2, x.w / 2, x.c - 1) = std::numeric_limits<float>::quiet_NaN();
  arena.at(x, x.n - 1, 0, 0, 0) = -std::numeric_limits<float>::infinity();
}

/// Expects equal values, and NaN exactly where NaN is wanted.
inline void expect_same(const std::vector<float>& got, const std::vector<float>& want) {
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t e = 0; e < want.size(); ++e)
    ASSERT_TRUE(std::isnan(want[e]) ? std::isnan(got[e]) : got[e] == want[e])
        << "element " << e << ": " << got[e] << ", expected " << want[e];
}

}  // namespace cudet::test
