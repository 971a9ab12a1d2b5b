#include "runtime/step.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "kernels/conv2d/cpu/kernels.h"
#include "tests/apps/bench/programs.h"
#include "tests/temporary.h"

namespace cudet::test {
namespace {

/// Whether a tensor starts behind the others, dense, where vectors may.
void expect_dense(const Tensor& t, std::size_t& end) {
  EXPECT_EQ(t.pitch, t.c);
  EXPECT_GE(t.offset, end);
  EXPECT_EQ(t.offset % kBufferAlignment, 0u);
  end = t.offset + t.pixel(t.n, 0, 0) * sizeof(float);
}

/// Whether the text makes a step that has this text.
void expect_round_trip(const std::string& op, const std::string& shape) {
  const Step step = parse_step(op, shape);
  EXPECT_EQ(step_name(step), op);
  EXPECT_EQ(shape_text(step), shape);
}

/// What is wrong with the shape, in one line.
std::string complaint(const std::string& op, const std::string& shape) {
  try {
    return "a step: " + shape_text(parse_step(op, shape));
  } catch (const Error& error) {
    return error.what();
  }
}
void expect_refused(const std::string& op, const std::string& shape, const std::string& why) {
  const std::string line = complaint(op, shape);
  EXPECT_NE(line.find(why), std::string::npos) << line << "\nexpected: " << why;
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 0) << line;
}

TEST(StepShape, OfEveryStepOfTheNetworksIsReadAsItIsWritten) {
  std::set<std::string> operators;
  const auto round_trip = [&](const std::string& model, const std::string& scale, int batch, Extent input,
                              Target target) {
    const Program program = bench::test::count(model, scale, batch, input, target).program;
    EXPECT_GT(program.steps.size(), 50u);
    for (const Program::NamedStep& named : program.steps) {
      operators.insert(step_name(named.step));
      expect_round_trip(step_name(named.step), shape_text(named.step));
    }
  };
  for (const char* scale : {"n", "s", "m", "l", "x"}) round_trip("weights/yolov8.json", scale, 1, {640, 640}, {});
  round_trip("weights/yolov8-dysample.json", "n", 3, {96, 1280}, {});
  round_trip("weights/yolov8.json", "n", 2, {320, 64}, {Type::f16, true});
  round_trip("weights/yolov8-dysample.json", "s", 1, {640, 640}, {Type::f16, true});
  EXPECT_EQ(operators, (std::set<std::string>{"conv2d", "conv_dysample", "detect_decode", "dysample", "max_pool",
                                              "max_pool_chain", "upsample"}));
}

TEST(StepShape, OfOddStepsIsReadAsItIsWritten) {
  for (const auto& [op, shape] : std::vector<std::pair<std::string, std::string>>{
           {"conv2d", "1x1x1x1 -> 1 k1x1"},
           {"conv2d", "3x9x11x14 -> 38 k3x5 s1x2 p2x1 d2x3 g2 silu add"},
           {"conv2d", "2x9x8x21 -> 21 k7x7 p3x3 g21 add"},
           {"conv2d", "1x4x3x5 -> 6 k2x3 p4x5 silu"},
           {"max_pool", "2x7x9x5 k3 s2 p1"},
           {"max_pool", "1x4x4x1 k2"},
           {"max_pool_chain", "2x20x20x64 k5 x3"},
           {"upsample", "1x3x5x7 x3"},
           {"copy", "2x3x5x7"},
           {"add", "2x3x5x7"},
           {"resize_bilinear", "2x3x5x7 x3"},
           {"resize_bilinear", "1x3x5x7 x2 align_corners"},
           {"conv_transpose2d", "1x20x20x16 -> 16 k2x2 s2x2"},
           {"conv_transpose2d", "2x3x5x6 -> 34 k3x4 s2x1 p1x0 o1x0 d1x2 g2"},
           {"pad", "2x3x5x7"},
           {"pad", "2x3x5x7 left1 right2 top3 bottom4"},
           {"dysample", "2x5x7x24 x3 g4"},
           {"dysample", "1x5x7x24 x2 g1 dyscope"},
           {"conv_dysample", "2x5x7x24 x2 g3 dyscope"},
           {"detect_decode", "2x7x5 classes3 bins1 input64x48"},
           {"detect_decode", "1x80x48+40x24+20x12+10x6 classes80 bins16 input640x384"}})
    expect_round_trip(op, shape);
}

TEST(StepShape, IsAllThatAConvolutionNeeds) {
  const Conv2d op = std::get<Conv2d>(parse_step("conv2d", "2x9x11x6 -> 4 k3x2 s2x1 p1x0 d1x3 g2 silu add"));
  EXPECT_EQ(shape_text(op), "2x9x11x6 -> 4 k3x2 s2x1 p1x0 d1x3 g2 silu add");
  EXPECT_EQ(op.y.h, 5);
  EXPECT_EQ(op.y.w, 8);
  EXPECT_EQ(op.weight.n * op.weight.h * op.weight.w * op.weight.c, 4 * 3 * 2 * 3);
  EXPECT_EQ(op.activation, Activation::silu);
  std::size_t arena = 0, weights = 0;
  for (const Tensor& t : {op.x, op.y, op.residual}) expect_dense(t, arena);
  expect_dense(op.weight, weights);
  EXPECT_GE(op.bias.offset, conv2d_cpu_kernel(op).packed_floats(op) * sizeof(float)) << "packed, weights are larger";
  expect_dense(op.bias, weights);
}

TEST(StepShape, HasLevelsAsTheDecodeNeedsThem) {
  const auto op = std::get<DetectDecode>(parse_step("detect_decode", "2x8x4+4x2 classes3 bins16 input64x64"));
  EXPECT_EQ(op.levels, 2);
  EXPECT_EQ(op.rows, 12);
  EXPECT_EQ(op.level[1].first_tile, 8);
  EXPECT_EQ(op.level[1].first_anchor, 32);
  EXPECT_EQ(op.level[1].stride_y, 16);
  EXPECT_EQ(op.level[1].stride_x, 32);
  EXPECT_EQ(op.y.w, 40);
  EXPECT_EQ(op.y.c, 7);
  std::size_t arena = 0;
  for (const Tensor& t : {op.level[0].box, op.level[0].score, op.level[1].box, op.level[1].score, op.y})
    expect_dense(t, arena);
}

TEST(StepShape, IsUnderstoodInShort) {
  EXPECT_EQ(shape_text(parse_step("conv2d", " 1x8x8x16  ->\t8 silu p1 k3 ")), "1x8x8x16 -> 8 k3x3 p1x1 silu");
}

TEST(StepShape, SaysInOneLineWhatIsWrong) {
  expect_refused("conv3d", "1x1x1x1", "\"conv3d\" is not an operator: conv2d, conv2d_int8, max_pool");
  expect_refused("conv2d", "", "the input N x H x W x C is missing");
  expect_refused("conv2d", "1x80x80 -> 64 k3", "\"1x80x80\": expected the input N x H x W x C");
  expect_refused("conv2d", "1x80x80x64 64 k3", "-> must follow the input");
  expect_refused("conv2d", "1x80x80x64 -> k3", "\"k3\": needs numbers from 1");
  expect_refused("conv2d", "1x80x80x64 -> 64", "the kernel is missing: k");
  expect_refused("conv2d", "1x80x80x64 -> 64 k3 tanh", "\"tanh\" does not belong here");
  expect_refused("conv2d", "1x80x80x64 -> 64 k3 k5", "\"k5\" does not belong here");
  expect_refused("conv2d", "1x80x80x64 -> 64 k3x3x3", "the kernel: at most two numbers are allowed");
  expect_refused("conv2d", "1x80x80x64 -> 64 k3 g2x2", "groups: only one number is allowed");
  expect_refused("conv2d", "1x80x80x64 -> 64 k3 s0", "\"0\": needs numbers from 1 to 1000000");
  expect_refused("conv2d", "1x-80x80x64 -> 64 k3", "\"1x-80x80x64\": needs numbers from 1");
  expect_refused("conv2d", "1x80x80x -> 64 k3", "numbers from 1");
  expect_refused("conv2d", "1x80x80x99999999999999999999 -> 64 k3", "numbers from 1");
  expect_refused("conv2d", "1x80x80x64 -> 63 k3 g2", "groups: 2 does not divide");
  expect_refused("conv2d", "1x2x80x64 -> 64 k3", "the kernel is larger than the padded input");
  expect_refused("conv2d", "1x8x80x64 -> 64 k3 d1x40", "the kernel is larger than the padded input");
  expect_refused("conv2d", "1000x1000x1000x1000 -> 1 k1", "more than 4 GB");
  expect_refused("conv2d", "1000000x1000000x1000000x1000000 -> 1 k1", "more than 4 GB");
  expect_refused("conv2d", "1x1x1x1 -> 1 k1 p1000000", "more than 4 GB");
  expect_refused("conv2d", "1x1x1x1000000 -> 1000000 k1", "more than 4 GB");
  expect_refused("conv2d", "1x25x25x250000 -> 250000 k25 g250000", "more than 4 GB");  // once it is packed
  expect_refused("max_pool", "1x8x8x8 k3 p2", "more than half of the kernel");
  expect_refused("max_pool_chain", "1x8x8x8 k4 x2", "the kernel is even");
  expect_refused("max_pool_chain", "1x8x8x8 k5 x5", "at most 4");
  expect_refused("upsample", "1x8x8x8 x1000000", "more than 4 GB");
  expect_refused("resize_bilinear", "1x8x8x8 align_corners", "the scale is missing");
  expect_refused("conv_transpose2d", "1x8x8x8 8 k3", "-> must follow the input");
  expect_refused("conv_transpose2d", "1x8x8x8 -> 8", "the kernel is missing");
  expect_refused("conv_transpose2d", "1x8x8x8 -> 8 k3 g3", "groups: 3 does not divide");
  expect_refused("conv_transpose2d", "1x2x2x8 -> 8 k1 p1", "the padding leaves no output");
  expect_refused("dysample", "1x8x8x8 x2 g3", "groups: 3 does not divide");
  expect_refused("dysample", "1x1x1x1 x1000000 g1", "more than 4 GB");
  expect_refused("conv_dysample", "1x8x8x8 x2", "groups is missing");
  expect_refused("detect_decode", "1x8x8+4 classes3 bins16 input64", "N x H x W + H x W");
  expect_refused("detect_decode", "1x8x8 bins16 input64", "the number of classes is missing");
  expect_refused("detect_decode", "1x1x1+1x1+1x1+1x1+1x1+1x1+1x1+1x1+1x1 classes1 bins1 input9", "at most 8 levels");
  expect_refused("copy", "1x8x8\nx8", "\"1x8x8?x8\"");
}

}  // namespace
}  // namespace cudet::test
