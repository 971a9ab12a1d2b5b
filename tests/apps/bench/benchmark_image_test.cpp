#include "apps/bench/benchmark_image.h"

#include <gtest/gtest.h>

namespace cudet::bench::test {
namespace {

// Results from different machines and versions of cudet must be for the same work.
TEST(BenchmarkImage, IsTheSameEverywhere) {
  const BenchmarkImage picture(3);
  const Frame frame = picture.frame();
  ASSERT_EQ(frame.width, 810);
  ASSERT_EQ(frame.height, 1080);
  ASSERT_EQ(frame.stride, 810 * 3);
  std::uint32_t hash = 2166136261u;  // FNV-1a
  for (std::ptrdiff_t i = 0; i < frame.stride * frame.height; ++i) hash = (hash ^ frame.data[i]) * 16777619u;
  EXPECT_EQ(hash, 2180179012u);
}

}  // namespace
}  // namespace cudet::bench::test
