#include <bit>
#include <functional>
#include <limits>
#include <ostream>

#include "kernels/conv2d/cuda/plan.h"
#include "kernels/dysample/conv_dysample_plan.h"
#include "kernels/upsample/upsample.h"
#include "tests/kernels/device_arena.h"

namespace cudet::test {
namespace {

struct ConvDySampleCase {
  int n, h, w, c;
  int scale, groups;
  bool dyscope = false;
  int spare_x = 0, spare_y = 0;  // channels of the wider tensors before those of the slices
};
std::ostream& operator<<(std::ostream& out, const ConvDySampleCase& t) {
  return out << t.n << 'x' << t.h << 'x' << t.w << 'x' << t.c << ", scale " << t.scale << ", groups " << t.groups
             << (t.dyscope ? ", dyscope" : "") << ", spare " << t.spare_x << ' ' << t.spare_y;
}

const std::vector<ConvDySampleCase> kFitting = {
    {1, 20, 20, 256, 2, 4},                // of YOLOv8n: the last tile is a quarter full
    {1, 13, 11, 128, 2, 4, false, 0, 64},  // into a concatenation
    {1, 1, 1, 16, 2, 1},
    {2, 9, 7, 48, 2, 2, false, 8, 16},  // half a chunk, two images in a tile; vectors of a group do not divide a block
    {3, 5, 11, 32, 3, 1, false, 16, 0},
    {1, 7, 10, 64, 2, 8, false, 24, 40},
    {2, 6, 13, 32, 2, 1, true},
    {1, 9, 15, 96, 2, 4, true, 8, 8},
    {2, 4, 5, 16, 4, 2, false, 0, 8},
    {1, 8, 9, 48, 1, 2},
};
// For the instances of 48 and of 80 channels, which only f16 has.
const std::vector<ConvDySampleCase> kFittingF16 = {
    {1, 17, 3, 48, 3, 2, false, 0, 8},
    {1, 7, 10, 96, 2, 6, false, 8, 0},
    {1, 3, 23, 64, 3, 2, true, 0, 8},
    {1, 6, 9, 160, 2, 10, false, 8, 8},
};

// Both operators on the device, and the references' results for the same values.
struct Problem {
  Problem(const ConvDySampleCase& t, Type given) : type(given) {
    DySample& sample = op.sample;
    sample.scale = t.scale, sample.groups = t.groups, sample.dyscope = t.dyscope;
    const int maps = (t.dyscope ? 4 : 2) * t.groups * t.scale * t.scale;
    sample.x = slice(arena.place_random(t.n, t.h, t.w, t.c + t.spare_x, 0, 1), t.c);
    sample.offset = arena.place(t.n, t.h, t.w, maps);
    sample.y = slice(arena.place(t.n, t.scale * t.h, t.scale * t.w, t.c + t.spare_y), t.c);
    round_to(arena.values, type);
    op.conv.x = sample.x, op.conv.y = sample.offset;
    op.conv.kernel = op.conv.stride = op.conv.dilation = {1, 1};
    op.conv.groups = 1;
    const float bound = 12 / std::sqrt(static_cast<float>(t.c));  // offsets of about 4: one pixel, and across borders
    op.conv.weight = weights.place_random(maps, 1, 1, t.c, 0, 2, -bound, bound);
    for (int m = 0; m < maps; ++m)
      for (int c = 0; c < t.c && type == Type::f16; ++c) weight(m, c) = as_f16(weight(m, c));
    op.conv.bias = weights.place_random(1, 1, 1, maps, 0, 3, -2, 2);
  }

  float& weight(int m, int c) { return weights.at(op.conv.weight, m, 0, 0, c); }
  float& bias(int m) { return weights.at(op.conv.bias, 0, 0, 0, m); }

  /// The operators with the device's types and packed weights.
  ConvDySample on_device() const {
    ConvDySample typed = op;
    for (Tensor* t : {&typed.conv.x, &typed.conv.y, &typed.sample.x, &typed.sample.offset, &typed.sample.y})
      *t = retyped(*t, type);
    typed.conv.weight.type = type;
    typed.conv.weight.offset = 0;
    typed.conv.bias.offset = (conv2d_cuda_packed_bytes(typed.conv) + 255) / 256 * 256;
    return typed;
  }

  /// The arena after the references, without the offsets, which the device does not write.
  std::vector<float> want() {
    Arena result = arena;
    const Memory memory{result.data(), weights.data()};
    run_reference(op.conv, memory);
    run_reference(op.sample, memory);
    const Tensor& offset = op.sample.offset;
    const auto first = result.values.begin() + static_cast<std::ptrdiff_t>(offset.offset / sizeof(float));
    const auto last = first + static_cast<std::ptrdiff_t>(offset.pixel(offset.n, 0, 0));
    for (auto at = first; at != last; ++at) largest_offset = std::max(largest_offset, std::abs(*at));
    std::fill(first, last, kGuard);
    return result.values;
  }

  /// The arena after the kernel, planned for `multiprocessors` multiprocessors.
  std::vector<float> got(int multiprocessors) {
    const ConvDySample typed = on_device();
    std::vector<unsigned char> constants(typed.conv.bias.offset + conv2d_cuda_bias_floats(typed.conv) * sizeof(float));
    conv2d_cuda_pack(typed.conv, &weight(0, 0), reinterpret_cast<std::byte*>(constants.data()));
    std::memcpy(constants.data() + typed.conv.bias.offset, &bias(0),
                static_cast<std::size_t>(op.conv.y.c) * sizeof(float));
    const DeviceSpace space(arena.values, type);
    const DeviceArray<unsigned char> device_constants(constants);
    conv_dysample_cuda(typed, conv_dysample_plan(typed, multiprocessors),
                       {space.data(), reinterpret_cast<const std::byte*>(device_constants.data())}, default_stream());
    return space.values();
  }

  // Relative to the largest value, which is near 1; call want() first. A sum of C products, exact in f16 and rounded in
  // f32, has an error of C roundings of 2^-24 of the largest partial sum, about twice the largest offset. A
  // coordinate's error is a quarter of that; with dyscope half of it, plus that of the scope's σ, of slope 1/4, times
  // half the offset. Per pixel of error a value changes by the neighbours' difference, at most 2, along two axes. The
  // blend adds 1e-5, and f16 the rounding of y, 2^-11.
  double tolerance() const {
    const double sum = op.conv.x.c * 0x1p-24 * 2 * largest_offset;
    const double coordinate = sum * (op.sample.dyscope ? 0.5 + largest_offset / 8 : 0.25);
    return 4 * coordinate + 1e-5 + (type == Type::f16 ? 0x1p-11 : 0);
  }

  Type type;
  Arena arena{Space::arena}, weights{Space::weights};
  ConvDySample op{};
  float largest_offset = 0;

 private:
  static Tensor slice(Tensor wide, int c) {
    wide.offset += static_cast<std::size_t>(wide.c - c) * sizeof(float);
    wide.c = c;
    return wide;
  }
};

struct CudaCase {
  ConvDySampleCase shape;
  Type type;
};
std::ostream& operator<<(std::ostream& out, const CudaCase& t) {
  return out << t.shape << (t.type == Type::f16 ? ", f16" : ", f32");
}
std::vector<CudaCase> fitting() {
  std::vector<CudaCase> all;
  for (const ConvDySampleCase& t : kFitting)
    for (const Type type : {Type::f32, Type::f16}) all.push_back({t, type});
  for (const ConvDySampleCase& t : kFittingF16) all.push_back({t, Type::f16});
  return all;
}

class ConvDySampleCuda : public testing::TestWithParam<CudaCase> {
 protected:
  void SetUp() override {
    if (const std::string why = GetParam().type == Type::f16 ? why_no_fp16() : ""; !why.empty()) GTEST_SKIP() << why;
  }
  Problem problem{GetParam().shape, GetParam().type};
};

// With as many blocks as tiles of 64 pixels, and with more, smaller tiles.
TEST_P(ConvDySampleCuda, IsAsTheReferences) {
  ASSERT_TRUE(conv_dysample_fits(problem.on_device()));
  const std::vector<float> want = problem.want();
  ASSERT_LT(problem.tolerance(), 0.01);
  for (const int multiprocessors : {1, 3, 64}) {
    SCOPED_TRACE(multiprocessors);
    expect_close(problem.got(multiprocessors), want, problem.tolerance());
  }
}

TEST_P(ConvDySampleCuda, NearestUpsamplingBitForBit) {
  const DySample& sample = problem.op.sample;
  const int s = sample.scale, points = sample.groups * s * s;
  for (int m = 0; m < problem.op.conv.y.c; ++m) {
    for (int c = 0; c < sample.x.c; ++c) problem.weight(m, c) = 0;
    const int position = m < points ? m % s : m / s % s;
    const float initial = (static_cast<float>(position) - static_cast<float>(s - 1) / 2) / static_cast<float>(s);
    problem.bias(m) = m < 2 * points ? -4 * initial : 0;  // σ(0) / 2 = 1/4
  }
  problem.arena.at(sample.x, 0, 0, 0, 0) = -0.0f;
  Arena want = problem.arena;
  run_reference(Upsample{sample.x, sample.y, s}, {want.data(), nullptr});
  const std::vector<float> got = problem.got(3);
  for (std::size_t e = 0; e < got.size(); ++e)
    ASSERT_EQ(std::bit_cast<unsigned>(got[e]), std::bit_cast<unsigned>(want.values[e])) << "element " << e;
}

// Offsets far outside of the image, infinite, or NaN.
TEST_P(ConvDySampleCuda, WildOffsetsStayWithin) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  const float wild[] = {std::numeric_limits<float>::quiet_NaN(), infinity, -infinity, 3e38f, -3e38f, 1e9f, -1e9f, 0};
  for (int m = 0; m < problem.op.conv.y.c; ++m) {
    for (int c = 0; c < problem.op.sample.x.c; ++c) problem.weight(m, c) = 0;
    problem.bias(m) = wild[m % 8];
  }
  expect_close(problem.got(3), problem.want(), 1e-5 + (problem.type == Type::f16 ? 0x1p-11 : 0));
}

INSTANTIATE_TEST_SUITE_P(Shapes, ConvDySampleCuda, testing::ValuesIn(fitting()));

// Operators that need two launches.
TEST(ConvDySampleFits, RefusesTheRest) {
  const auto fits = [](ConvDySampleCase shape, Type type, const std::function<void(ConvDySample&)>& change) {
    ConvDySample op = Problem(shape, type).on_device();
    change(op);
    return conv_dysample_fits(op);
  };
  const auto as_is = [](ConvDySample&) {};
  const ConvDySampleCase plain{1, 4, 4, 64, 2, 4};
  for (const Type type : {Type::f32, Type::f16}) {
    SCOPED_TRACE(type == Type::f16 ? "f16" : "f32");
    EXPECT_TRUE(fits(plain, type, as_is));
    EXPECT_FALSE(fits({1, 4, 4, 64, 3, 8}, type, as_is)) << "more offsets than a block has channels";
    EXPECT_FALSE(fits({1, 4, 4, 16, 2, 8}, type, as_is)) << "a group's channels are no whole vectors";
    EXPECT_FALSE(fits({1, 4, 4, 64, 2, 4, false, 1, 0}, type, as_is)) << "x is not aligned";
    EXPECT_FALSE(fits({1, 4, 4, 64, 2, 4, false, 0, 1}, type, as_is)) << "y is not aligned";
    EXPECT_FALSE(fits(plain, type, [](ConvDySample& op) { op.conv.activation = Activation::silu; }));
    EXPECT_FALSE(fits(plain, type, [](ConvDySample& op) { op.conv.add = true; }));
    EXPECT_FALSE(fits(plain, type, [](ConvDySample& op) { op.conv.kernel = {3, 3}, op.conv.pad = {1, 1}; }));
    EXPECT_FALSE(fits(plain, type, [](ConvDySample& op) { op.conv.x.offset += 256; })) << "another x";
    EXPECT_FALSE(fits(plain, type, [](ConvDySample& op) { op.conv.y.offset += 256; })) << "other offsets";
    EXPECT_FALSE(fits(plain, type,
                      [type](ConvDySample& op) { op.conv.weight.type = type == Type::f16 ? Type::f32 : Type::f16; }));
    EXPECT_FALSE(
        fits(plain, type, [type](ConvDySample& op) { op.sample.y.type = type == Type::f16 ? Type::f32 : Type::f16; }));
  }
  EXPECT_FALSE(fits({1, 4, 4, 96, 2, 6}, Type::f32, as_is)) << "f32 has no block of 48 channels";
}

}  // namespace
}  // namespace cudet::test
