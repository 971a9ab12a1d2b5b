// Comparison of a kernel with its reference: tensors in one buffer with guards around them. NaN never compares equal.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "kernels/tensor.h"

namespace cudet::test {

constexpr float kGuard = -7.25f;  // value of everything that a kernel must not write; exact in every float type

/// A buffer of f32 tensors with guards before, between and after them.
class Arena {
 public:
  explicit Arena(Space space) : space_(space) {}

  /// Allocates a tensor of `c` channels with a pixel pitch of c + spare elements.
  Tensor place(int n, int h, int w, int c, int spare = 0) {
    const std::size_t start = (values.size() + kMargin) / 16 * 16;
    const Tensor t{space_, Type::f32, start * sizeof(float), n, h, w, c, c + spare};
    values.resize(start + static_cast<std::size_t>(n) * h * w * t.pitch + kMargin, kGuard);
    return t;
  }
  /// The same, filled with random values in (low, high) from the seed.
  Tensor place_random(int n, int h, int w, int c, int spare, unsigned seed, float low = -1, float high = 1) {
    const Tensor t = place(n, h, w, c, spare);
    std::mt19937 random(seed);
    std::uniform_real_distribution<float> value(low, high);
    for (int i = 0; i < n; ++i)
      for (int y = 0; y < h; ++y)
        for (int x = 0; x < w; ++x)
          for (int k = 0; k < c; ++k) at(t, i, y, x, k) = value(random);
    return t;
  }
  float& at(const Tensor& t, int i, int y, int x, int k) {
    return values[t.offset / sizeof(float) + t.pixel(i, y, x) + k];
  }
  std::byte* data() { return reinterpret_cast<std::byte*>(values.data()); }

  std::vector<float> values;

 private:
  static constexpr std::size_t kMargin = 64;
  Space space_;
};

/// Expects every element to differ by at most `tolerance` times the largest expected magnitude, and guards to be
/// unchanged. NaN fails.
inline void expect_close(const std::vector<float>& got, const std::vector<float>& want, double tolerance) {
  ASSERT_EQ(got.size(), want.size());
  double largest = 0;
  for (const float w : want)
    if (w != kGuard) largest = std::max(largest, std::abs(static_cast<double>(w)));
  ASSERT_GT(largest, 0) << "the reference is all zeros";
  for (std::size_t e = 0; e < want.size(); ++e) {
    const double bound = want[e] == kGuard ? 0 : tolerance * largest;
    if (const double difference = std::abs(static_cast<double>(got[e]) - want[e]); !(difference <= bound))
      FAIL() << "element " << e << ": " << got[e] << ", expected " << want[e] << " within " << bound;
  }
}

}  // namespace cudet::test
