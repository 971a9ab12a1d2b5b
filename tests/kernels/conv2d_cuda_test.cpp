#include <limits>

#include "kernels/conv2d/cuda/plan.h"
#include "tests/kernels/conv2d_cases.h"
#include "tests/kernels/device_arena.h"

namespace cudet::test {
namespace {

// Shapes of the fast kernels: whole vectors of channels, tiles that the maps do not fill, remainders of every kind.
const std::vector<Case> kFastCases = {
    {1, 30, 44, 3, 16, {3, 3}, {2, 2}, {1, 1}},                               // the stem
    {2, 11, 18, 3, 80, {3, 3}, {2, 2}, {1, 1}, {1, 1}, 1, kNone},             // odd rows
    {1, 20, 20, 64, 64, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 1, kSilu, true, 64},  // a bottleneck of C2f
    {2, 13, 37, 16, 24, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 1, kSilu, true, 8},   // no tile is full
    {1, 9, 16, 48, 80, {3, 3}, {1, 1}, {1, 1}},                               // 80 channels in one block
    {1, 5, 7, 32, 48, {3, 3}, {1, 1}, {0, 0}, {1, 1}, 1, kNone},              // no padding
    {1, 6, 8, 16, 16, {3, 3}, {1, 1}, {2, 2}},                                // more padding than a border
    {1, 24, 20, 16, 64, {3, 3}, {2, 2}, {1, 1}},                              // between stages
    {3, 13, 15, 32, 33, {3, 3}, {2, 2}, {1, 1}, {1, 1}, 1, kSilu, true, 24},  // 33 channels: a remainder of one
    {1, 3, 2, 48, 16, {3, 3}, {2, 2}, {1, 1}},                                // less than a tile
    {2, 9, 11, 48, 96, {1, 1}, {1, 1}, {0, 0}, {1, 1}, 1, kSilu, true, 16},   // half a chunk at the end
    {1, 20, 20, 256, 128, {1, 1}},                                            // many chunks
    {3, 7, 5, 16, 5, {1, 1}, {1, 1}, {0, 0}, {1, 1}, 1, kNone, false, 8},     // five classes
    {1, 1, 1, 32, 32, {1, 1}},                                                // one pixel
    {1, 10, 13, 80, 80, {1, 1}, {1, 1}, {0, 0}, {1, 1}, 1, kNone},            // the end of Detect
};

// A convolution on the device, and the reference's result for the same values.
struct Problem {
  // `in_front`: slices are the first channels of their tensors instead of the last.
  Problem(const Case& t, Type given, bool in_front = false) : type(given), in_front_(in_front) {
    const auto [v, u] = t.outputs();
    op.kernel = t.kernel, op.stride = t.stride, op.pad = t.pad, op.dilation = t.dilation;
    op.slope = kSlope, op.groups = t.groups, op.activation = t.activation, op.add = t.add;
    // The network's input has pixels of pitch 4; the fourth channel is undefined padding.
    const bool image = t.c == 3 && t.spare == 0;
    op.x = image ? arena.place_random(t.n, t.h, t.w, 3, 1, 1)
                 : slice(arena.place_random(t.n, t.h, t.w, t.c + t.spare, 0, 1), t.c);
    op.y = slice(arena.place(t.n, v, u, t.k + t.spare), t.k);
    if (t.add) op.residual = slice(arena.place_random(t.n, v, u, t.k + 2 * t.spare, 0, 2), t.k);
    op.weight = weights.place_random(t.k, t.kernel.h, t.kernel.w, t.c / t.groups, 0, 3);
    op.bias = weights.place_random(1, 1, 1, t.k, 0, 4);
    round_to(arena.values, type);
    for (std::size_t e = 0; e < weights.values.size(); ++e)
      if (e * sizeof(float) < op.bias.offset && type == Type::f16) weights.values[e] = as_f16(weights.values[e]);
    want = arena.values;
    run_reference(op, {reinterpret_cast<std::byte*>(want.data()), weights.data()});
  }

  // Returns the arena after the kernel, planned for `multiprocessors` multiprocessors. With `wide`, y is f32 in an
  // arena of its own, which is returned.
  std::vector<float> run(int multiprocessors, bool scratch, bool wide = false) {
    const DeviceSpace space(arena.values, type), other(arena.values, Type::f32);
    Conv2d device = op;
    for (Tensor* t : {&device.x, &device.y, &device.residual}) *t = retyped(*t, type);
    if (wide) {
      device.y = op.y;
      device.y.offset += static_cast<std::size_t>(reinterpret_cast<std::uintptr_t>(other.data()) -
                                                  reinterpret_cast<std::uintptr_t>(space.data()));
    }
    device.weight.type = type;
    const std::size_t bytes = conv2d_cuda_packed_bytes(device), bias = (bytes + 255) / 256 * 256;
    std::vector<unsigned char> packed(bias + conv2d_cuda_bias_floats(device) * sizeof(float));
    conv2d_cuda_pack(device, &weights.at(op.weight, 0, 0, 0, 0), reinterpret_cast<std::byte*>(packed.data()));
    std::memcpy(packed.data() + bias, &weights.at(op.bias, 0, 0, 0, 0),
                static_cast<std::size_t>(op.y.c) * sizeof(float));
    device.weight.offset = 0;
    device.bias.offset = bias;

    const DeviceArray<unsigned char> constants(packed);
    const Conv2dCudaPlan plan = conv2d_cuda_plan(device, multiprocessors, scratch ? kConv2dScratchLimit : 0);
    const std::size_t needed = std::max(plan.scratch_bytes(), kScratchCounters);
    const DeviceArray<unsigned char> workspace(needed);
    check(cudaMemset(workspace.data(), 0, kScratchCounters), "clear the counters");
    CudaStream on = default_stream();
    on.multiprocessors = multiprocessors;  // of the general kernel's blocks
    on.scratch = scratch ? reinterpret_cast<std::byte*>(workspace.data()) : nullptr;
    on.scratch_bytes = needed;
    const Memory memory{space.data(), reinterpret_cast<const std::byte*>(constants.data())};
    for (int launch = 0; launch < (scratch ? 2 : 1); ++launch)
      conv2d_cuda(device, plan, memory, on);  // the first launch resets the counters
    return (wide ? other : space).values();
  }

  // Relative to the largest value. f32: 1e-5. f16: products are exact and summed in f32; the output is rounded by 2^-11
  // of itself, and `depth` sums by at most 2^-23 each of the sum of the products' magnitudes: tensor cores truncate.
  double tolerance() const { return type == Type::f32 ? 1e-5 : 0.0005 + truncation(); }
  double truncation() const { return 0x1p-23 * op.kernel.h * op.kernel.w * op.x.c / op.groups; }

  Type type;
  Arena arena{Space::arena}, weights{Space::weights};
  std::vector<float> want;
  Conv2d op{};

 private:
  Tensor slice(Tensor wide, int c) const {
    if (!in_front_) wide.offset += static_cast<std::size_t>(wide.c - c) * sizeof(float);
    wide.c = c;
    return wide;
  }
  bool in_front_;
};

struct CudaCase {
  Case shape;
  Type type;
};
std::ostream& operator<<(std::ostream& out, const CudaCase& t) {
  return out << t.shape << (t.type == Type::f16 ? ", f16" : ", f32");
}
std::vector<CudaCase> every_type(const std::vector<Case>& cases) {
  std::vector<CudaCase> all;
  for (const Case& t : cases)
    for (const Type type : {Type::f32, Type::f16}) all.push_back({t, type});
  return all;
}

class Conv2dCuda : public testing::TestWithParam<CudaCase> {
 protected:
  void SetUp() override {
    if (const std::string why = GetParam().type == Type::f16 ? why_no_fp16() : ""; !why.empty()) GTEST_SKIP() << why;
  }
};

TEST_P(Conv2dCuda, IsAsTheReference) {
  Problem problem(GetParam().shape, GetParam().type);
  expect_close(problem.run(4, false), problem.want, problem.tolerance());
}

INSTANTIATE_TEST_SUITE_P(Odd, Conv2dCuda, testing::ValuesIn(every_type(kCases)));
INSTANTIATE_TEST_SUITE_P(Fast, Conv2dCuda, testing::ValuesIn(every_type(kFastCases)));

// If vectors are aligned but the last one is not full, the neighbours' channels after it are not written.
TEST(Conv2dCudaSlices, LeaveTheChannelsAfterTheirOwn) {
  for (const Type type : {Type::f32, Type::f16}) {
    if (type == Type::f16 && !why_no_fp16().empty()) GTEST_SKIP() << why_no_fp16();
    for (const Case& t : {Case{2, 9, 11, 16, 18, {1, 1}, {1, 1}, {0, 0}, {1, 1}, 1, kSilu, true, 6},
                          Case{1, 9, 11, 16, 18, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 1, kSilu, true, 6}}) {
      Problem problem(t, type, true);
      problem.op.x = problem.arena.place_random(t.n, t.h, t.w, t.c, 0, 7);
      round_to(problem.arena.values, type);
      problem.want = problem.arena.values;
      run_reference(problem.op, {reinterpret_cast<std::byte*>(problem.want.data()), problem.weights.data()});
      expect_close(problem.run(4, false), problem.want, problem.tolerance());
      if (type == Type::f16) expect_close(problem.run(4, false, true), problem.want, problem.tolerance());
    }
  }
}

// The fourth channel of the network's input is undefined padding: even NaN there does not reach a sum.
TEST(Conv2dCudaSlices, OfThreeChannelsIgnoreTheFourth) {
  for (const Type type : {Type::f32, Type::f16}) {
    if (type == Type::f16 && !why_no_fp16().empty()) GTEST_SKIP() << why_no_fp16();
    Problem problem({1, 12, 20, 3, 16, {3, 3}, {2, 2}, {1, 1}}, type);
    Tensor fourth = problem.op.x;
    fourth.c = 4;
    for (int y = 0; y < fourth.h; ++y)
      for (int x = 0; x < fourth.w; ++x) problem.arena.at(fourth, 0, y, x, 3) = std::numeric_limits<float>::quiet_NaN();
    std::vector<float> got = problem.run(4, false);
    for (std::size_t e = 0; e < got.size(); ++e)
      if (std::isnan(problem.arena.values[e])) got[e] = problem.want[e];
    expect_close(got, problem.want, problem.tolerance());
  }
}

// Sums of f16 products can be stored to an f32 tensor without rounding, as the offsets of DySample are.
TEST(Conv2dCudaOutput, MayBeF32ForF16) {
  if (!why_no_fp16().empty()) GTEST_SKIP() << why_no_fp16();
  for (const Case& t : {Case{1, 20, 20, 64, 32, {1, 1}, {1, 1}, {0, 0}, {1, 1}, 1, kNone},
                        Case{1, 7, 5, 48, 33, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 1, kSilu, true, 8},
                        Case{1, 7, 5, 9, 5, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 1, kSilu, false, 1}}) {
    Problem problem(t, Type::f16);
    expect_close(problem.run(4, false, true), problem.want, 1e-5 + problem.truncation());
  }
}

class Conv2dCudaSplit : public Conv2dCuda {};

// With more multiprocessors than tiles, blocks share sums; the result does not depend on their order.
TEST_P(Conv2dCudaSplit, SumsAcrossBlocks) {
  Problem problem(GetParam().shape, GetParam().type);
  Conv2d device = problem.op;
  device.weight.type = device.x.type = device.y.type = GetParam().type;
  EXPECT_GT(conv2d_cuda_plan(device, 64).splits, 1);
  expect_close(problem.run(64, true), problem.want, problem.tolerance());
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, Conv2dCudaSplit,
    testing::ValuesIn(every_type({{1, 20, 20, 512, 64, {1, 1}},
                                  {2, 7, 9, 128, 33, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 1, kSilu, true, 8},
                                  {1, 9, 8, 112, 80, {3, 3}, {2, 2}, {1, 1}}})));

// A plan that splits sums needs its scratch memory.
TEST(Conv2dCudaPlan, RefusesAStreamWithTooLittleScratch) {
  Conv2d op{};
  op.x = {Space::arena, Type::f32, 0, 1, 20, 20, 512, 512};
  op.y = {Space::arena, Type::f32, 0, 1, 20, 20, 64, 64};
  op.kernel = op.stride = op.dilation = {1, 1};
  op.groups = 1;
  const Conv2dCudaPlan plan = conv2d_cuda_plan(op, 64);
  ASSERT_GT(plan.scratch_bytes(), kScratchCounters);
  EXPECT_LE(plan.scratch_bytes(), kConv2dScratchLimit);
  EXPECT_EQ(conv2d_cuda_plan(op, 64, 0).scratch_bytes(), 0u);
  std::byte scratch{};  // never accessed
  CudaStream on = default_stream();
  on.scratch = &scratch;
  on.scratch_bytes = plan.scratch_bytes() - 1;
  EXPECT_THROW(conv2d_cuda(op, plan, {}, on), Error);
  on.scratch = nullptr;
  on.scratch_bytes = plan.scratch_bytes();
  EXPECT_THROW(conv2d_cuda(op, plan, {}, on), Error);
}

TEST(Conv2dCudaPack, RefusesWhatF16CannotHold) {
  Conv2d op{};
  op.x.c = op.y.c = 1, op.groups = 1;
  op.kernel = op.stride = op.dilation = {1, 1};
  op.weight.type = Type::f16;
  const float large = 70000, fits = 65504;
  std::vector<std::byte> packed(conv2d_cuda_packed_bytes(op));
  conv2d_cuda_pack(op, &fits, packed.data());
  EXPECT_THROW(conv2d_cuda_pack(op, &large, packed.data()), Error);
}

// YOLOv8's convolutions run on the fast kernels, and its first layer on the stem's.
TEST(Conv2dCudaKind, IsFastForYolo) {
  const auto kind = [](int c, int kernel, int stride, Type type) {
    Conv2d op{};
    op.x.c = c, op.y.c = 64, op.groups = 1, op.dilation = {1, 1};
    op.kernel = {kernel, kernel}, op.stride = {stride, stride}, op.pad = {kernel / 2, kernel / 2};
    op.weight.type = type;
    return conv2d_cuda_kind(op);
  };
  for (const Type type : {Type::f32, Type::f16}) {
    EXPECT_EQ(kind(48, 1, 1, type), Conv2dKind::pointwise);
    EXPECT_EQ(kind(80, 3, 1, type), Conv2dKind::conv3x3);
    EXPECT_EQ(kind(16, 3, 2, type), Conv2dKind::conv3x3_stride2);
    EXPECT_EQ(kind(15, 1, 1, type), Conv2dKind::general);
    EXPECT_EQ(kind(16, 5, 1, type), Conv2dKind::general);
  }
  EXPECT_EQ(kind(3, 3, 2, Type::f16), Conv2dKind::stem);
  EXPECT_EQ(kind(3, 3, 2, Type::f32), Conv2dKind::conv3x3_stride2);
}

}  // namespace
}  // namespace cudet::test
