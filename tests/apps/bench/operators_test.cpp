#include "apps/bench/operators.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

#include "runtime/step.h"
#include "tests/error_of.h"

namespace cudet::bench::test {
namespace {

Machine machine() {
  Machine machine{};
  machine.peak_gflops = 100;
  machine.bandwidth_gbs = 10;
  return machine;
}

std::vector<Measurement> measure(const std::string& op, const std::string& shape, int runs = 3) {
  return measure_operator(parse_step(op, shape), 2, runs - 1, runs, machine());
}

std::set<std::string> names(const std::vector<Measurement>& kernels) {
  std::set<std::string> names;
  for (const Measurement& kernel : kernels) names.insert(kernel.name);
  return names;
}

void expect_close_to_reference(const std::vector<Measurement>& kernels) {
  for (const Measurement& kernel : kernels) {
    SCOPED_TRACE(kernel.op + " " + kernel.shape + ": " + kernel.name);
    EXPECT_GT(kernel.time.p50_ms, 0);
    EXPECT_EQ(kernel.error.has_value(), kernel.name != "reference");
    EXPECT_LT(kernel.error.value_or(0), 1e-4);
  }
}

TEST(BenchOperators, EachKernelOfAConvolution) {
  for (const char* shape :
       {"1x20x20x40 -> 64 k3x3 p1x1 silu add", "2x9x11x14 -> 38 k3x5 s1x2 p2x1 d2x3 silu", "1x1x1x1 -> 1 k1x1",
        "3x7x5x5 -> 17 k1x1 s2x2 add", "1x40x40x3 -> 16 k3x3 s2x2 p1x1 silu"}) {
    const std::vector<Measurement> kernels = measure("conv2d", shape);
    EXPECT_EQ(names(kernels), (std::set<std::string>{"reference", "direct", "im2col"})) << shape;
    expect_close_to_reference(kernels);
    for (const Measurement& kernel : kernels) {
      EXPECT_EQ(kernel.op, "conv2d");
      EXPECT_EQ(kernel.shape, shape);
      EXPECT_EQ(kernel.time.samples_ms.size(), 3u);
    }
  }
  const std::vector<Measurement> three = measure("conv2d", "1x20x20x64 -> 64 k3x3 p1x1 silu add");
  EXPECT_EQ(names(three), (std::set<std::string>{"reference", "direct", "winograd", "im2col"}));
  expect_close_to_reference(three);
  const std::vector<Measurement> groups = measure("conv2d", "2x9x8x21 -> 21 k3x3 s2x2 p1x1 g21");
  EXPECT_EQ(names(groups), (std::set<std::string>{"reference", "direct"}));
  expect_close_to_reference(groups);
}

TEST(BenchOperators, EachKernelOfTheOthers) {
  for (const auto& [op, shape] :
       std::vector<std::pair<std::string, std::string>>{{"max_pool", "2x7x9x5 k3 s2 p1"},
                                                        {"max_pool_chain", "2x20x20x24 k5 x3"},
                                                        {"upsample", "2x3x5x7 x3"},
                                                        {"copy", "2x3x5x7"},
                                                        {"add", "2x3x5x7"},
                                                        {"conv_transpose2d", "2x3x5x6 -> 34 k3 s2 p1 o1 g2"},
                                                        {"resize_bilinear", "2x3x5x7 x3 align_corners"},
                                                        {"pad", "2x3x5x7 right1 top2"},
                                                        {"dysample", "2x5x7x24 x2 g4 dyscope"},
                                                        {"conv_dysample", "2x5x7x24 x2 g3"},
                                                        {"detect_decode", "2x8x8+4x4 classes3 bins16 input64x64"}}) {
    const std::vector<Measurement> kernels = measure(op, shape);
    EXPECT_EQ(names(kernels), (std::set<std::string>{"reference", "cpu"})) << op;
    expect_close_to_reference(kernels);
  }
}

TEST(BenchOperators, LargeConvolutionsAreComparedInPart) {
  // Of 1 image, fewer rows; of one row, fewer columns.
  for (const char* shape : {"2x64x64x96 -> 96 k3x3 p1x1", "1x1x4096x384 -> 384 k1x1"}) {
    const std::vector<Measurement> kernels = measure("conv2d", shape, 1);
    EXPECT_FALSE(names(kernels).contains("reference")) << shape;
    EXPECT_TRUE(names(kernels).contains("direct")) << shape;
    expect_close_to_reference(kernels);
  }
}

TEST(BenchOperators, WindowsThatTheReferenceCannotEndAreRefused) {
  EXPECT_EQ(
      cudet::test::error_of([] { measure("max_pool", "1x2000x2000x1 k1001 p500"); }),
      "max_pool 1x2000x2000x1 k1001 p500: the window is too large for the reference, which compares all of its values");
  EXPECT_NE(cudet::test::error_of([] { measure("max_pool_chain", "1x1000x1000x1 k3001 x3"); }), "");
}

TEST(BenchOperators, ErrorIsRelativeToTheLargest) {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  const float want[] = {1, -4, 0}, near[] = {1, -3, 0.5f}, broken[] = {1, nan, 0}, zeros[] = {0, 0, 0};
  EXPECT_EQ(relative_error(want, want, 3), 0);
  EXPECT_EQ(relative_error(near, want, 3), 0.25);
  EXPECT_TRUE(std::isinf(relative_error(broken, want, 3)));
  EXPECT_TRUE(std::isinf(relative_error(want, broken, 3)));
  EXPECT_TRUE(std::isinf(relative_error(broken, broken, 3)));
  EXPECT_TRUE(std::isinf(relative_error(want, zeros, 3)));
  EXPECT_EQ(relative_error(zeros, zeros, 3), 0);
}

}  // namespace
}  // namespace cudet::bench::test
