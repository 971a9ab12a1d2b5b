#include <gtest/gtest.h>

#include "runtime/step.h"
#include "tests/apps/bench/programs.h"

namespace cudet::test {
namespace {

using bench::test::count;
using bench::test::Counted;

void expect_work(const char* op, const char* shape, double flops, double bytes) {
  const StepInfo work = step_info(parse_step(op, shape));
  EXPECT_EQ(work.flops, flops) << op << " " << shape;
  EXPECT_EQ(work.bytes, bytes) << op << " " << shape;
}

TEST(StepWork, OfConvolutionsIsWhatInspectCounts) {
  for (const auto& [model, scale] : {std::pair("weights/yolov8.json", "n"), std::pair("weights/yolov8.json", "m"),
                                     std::pair("weights/yolov8-dysample.json", "n")}) {
    const Counted one = count(model, scale, 1, {640, 480}), two = count(model, scale, 2, {640, 480});
    std::vector<double> counted(one.rows.size(), 0), of_two = counted;
    for (const Program::NamedStep& named : one.program.steps)
      if (std::holds_alternative<Conv2d>(named.step))
        counted[static_cast<std::size_t>(named.row)] += step_info(named.step).flops;
    for (const Program::NamedStep& named : two.program.steps)
      if (std::holds_alternative<Conv2d>(named.step))
        of_two[static_cast<std::size_t>(named.row)] += step_info(named.step).flops;
    const DetectDecode& decode = std::get<DetectDecode>(one.program.steps.back().step);
    for (std::size_t row = 0; row < counted.size(); ++row) {
      double want = one.rows[row].executed_flops;
      if (row + 1 == counted.size()) want -= 2.0 * decode.y.w * 4 * decode.bins;  // which inspect counts as Ultralytics
      EXPECT_DOUBLE_EQ(counted[row], want) << model << ", row " << row;
      EXPECT_DOUBLE_EQ(of_two[row], 2 * want) << model << ", row " << row;
    }
  }
}

TEST(StepWork, CountsEachElementOnce) {
  //                                            x             weight and bias      y
  expect_work("conv2d", "2x8x8x6 -> 10 k3 s2 p1 g2 silu", 2.0 * 2 * 4 * 4 * 10 * 27,
              4.0 * (2 * 8 * 8 * 6 + 10 * 27 + 10 + 2 * 4 * 4 * 10));
  expect_work("conv2d", "1x4x4x3 -> 5 k1 add", 2.0 * 16 * 5 * 3, 4.0 * (16 * 3 + 5 * 3 + 5 + 2 * 16 * 5));
  expect_work("max_pool", "2x8x8x3 k3 s2 p1", 2 * 4 * 4 * 3 * 4, 4 * (2 * 8 * 8 * 3 + 2 * 4 * 4 * 3));
  expect_work("max_pool_chain", "1x8x8x3 k5 x3", 3 * 8 * 8 * 3 * 8, 4 * (8 * 8 * 3 * 4));
  expect_work("upsample", "2x3x5x7 x2", 0, 4 * (2 * 3 * 5 * 7 * 5));
  expect_work("copy", "2x3x5x7", 0, 4 * (2 * 3 * 5 * 7 * 2));
  expect_work("pad", "2x3x5x7 left1 bottom2", 0, 4 * (2 * 3 * 5 * 7 + 2 * 5 * 6 * 7));
  expect_work("resize_bilinear", "2x3x5x7 x2", 8 * 2 * 6 * 10 * 7, 4 * (2 * 3 * 5 * 7 * 5));
  expect_work("conv_transpose2d", "2x4x4x6 -> 10 k3 s2 p1 g2", 2.0 * 2 * 4 * 4 * 6 * 5 * 9,
              4.0 * (2 * 4 * 4 * 6 + 6 * 5 * 9 + 10 + 2 * 7 * 7 * 10));
  expect_work("add", "2x3x5x7", 2 * 3 * 5 * 7, 4 * (2 * 3 * 5 * 7 * 3));
}

TEST(StepWork, OfSampling) {
  const double pixels = 2 * 3 * 5, points = pixels * 4 * 4, y = 4 * pixels * 8;
  expect_work("dysample", "2x3x5x8 x2 g4", 2 * points * 4 + 8 * y, 4 * (pixels * 8 + 2 * points + y));
  expect_work("dysample", "2x3x5x8 x2 g4 dyscope", 2 * points * 6 + 8 * y, 4 * (pixels * 8 + 4 * points + y));
  expect_work("conv_dysample", "2x3x5x8 x2 g4", 2 * pixels * 8 * 32 + 2 * points * 4 + 8 * y,
              4 * (pixels * 8 + 8 * 32 + 32 + y));
}

TEST(StepWork, OfTheDecode) {
  const double anchors = 2 * (4 * 4 + 2 * 2);
  expect_work("detect_decode", "2x4x4+2x2 classes3 bins16 input32", anchors * (4 * (5 * 16 + 1) + 3 * 2),
              4 * anchors * (64 + 3 + 7));
}

TEST(StepWork, HalvesBytesOfHalfFloats) {
  Conv2d op = std::get<Conv2d>(parse_step("conv2d", "1x8x8x16 -> 16 k3 p1 add"));
  for (Tensor* t : {&op.x, &op.y, &op.residual, &op.weight}) t->type = Type::f16;
  EXPECT_EQ(step_info(op).bytes, 2.0 * (3 * 64 * 16 + 16 * 16 * 9) + 4.0 * 16);
}

}  // namespace
}  // namespace cudet::test
