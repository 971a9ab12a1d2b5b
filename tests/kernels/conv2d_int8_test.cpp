#include <cstring>
#include <memory>
#include <numeric>

#include "kernels/conv2d_int8/cpu/kernels.h"
#include "tests/kernels/bytes.h"
#include "tests/kernels/conv2d_cases.h"
#include "tests/kernels/scratch.h"
#include "tests/kernels/target.h"

namespace cudet::test {
namespace {

/// The tolerance of a kernel's result, in steps of y's quantisation. expect_near() derives the bound for f32 from it.
double tolerance(const Conv2dInt8CpuKernel& kernel) {
  return &kernel == &conv2d_int8_cpu_winograd ? 2 : 1;
}

/// A convolution on its own tensors, of random values from a fixed seed, and the reference's result.
struct Problem {
  Problem(const Case& t, Type type) {
    const auto [v, u] = t.outputs();
    Conv2d& conv = op.conv;
    conv.kernel = t.kernel, conv.stride = t.stride, conv.pad = t.pad, conv.dilation = t.dilation;
    conv.slope = kSlope, conv.groups = t.groups, conv.activation = t.activation, conv.add = t.add;
    conv.x = arena.place_random(t.n, t.h, t.w, t.c, t.spare, 1);
    conv.y = arena.place(t.n, v, u, t.k, t.spare, type);
    if (t.add) conv.residual = arena.place_random(t.n, v, u, t.k, t.spare + 2, 2);
    op.x = {0.02f, 17}, op.residual = {0.01f, 100};
    conv.weight = weights.place_random(t.k, t.kernel.h, t.kernel.w, t.c / t.groups, 0, 3);
    conv.bias = weights.place_random(1, 1, 1, t.k, 0, 4);
    round_weights();
    find_scale();
    want = arena.values;
    run_reference(op, {reinterpret_cast<std::byte*>(want.data()), weights.data()});
  }

  /// The arena after one call for each of these tiles.
  std::vector<std::uint8_t> run(const Conv2dInt8CpuPlan& plan, const std::vector<int>& tiles) const {
    std::vector<std::uint8_t> got = arena.values;
    // The plain weights, the kernel's packed weights, and guards.
    std::vector<float> packed = weights.values;
    Conv2dInt8 packed_op = op;
    const std::size_t start = (packed.size() + 15) / 16 * 16;
    packed_op.conv.weight.offset = start * sizeof(float);
    packed.resize(start + plan.kernel->packed_bytes(op.conv) / sizeof(float) + 64, kGuard);
    Conv2d no_size = op.conv;  // weights are packed before the size of the input is known
    no_size.y.h = no_size.y.w = no_size.x.h = no_size.x.w = 0;
    plan.kernel->pack(no_size, op.x, weights.values.data() + op.conv.weight.offset / sizeof(float),
                      reinterpret_cast<std::byte*>(packed.data() + start));
    for (std::size_t e = packed.size() - 64; e < packed.size(); ++e) EXPECT_EQ(packed[e], kGuard);
    const auto scratch = std::make_unique<Scratch>();
    const Memory memory{reinterpret_cast<std::byte*>(got.data()), reinterpret_cast<const std::byte*>(packed.data()),
                        scratch->data()};
    for (const int tile : tiles) plan.kernel->run(packed_op, plan, memory, tile, tile + 1);
    return got;
  }

  ByteArena arena;
  Arena weights{Space::weights};
  std::vector<std::uint8_t> want;
  Conv2dInt8 op{};
  float largest = 0;  // of y

 private:
  /// Weights as a quantised model has them: whole multiples of a scale for each channel.
  void round_weights() {
    const Tensor& weight = op.conv.weight;
    const std::size_t depth = weight.pixel(1, 0, 0);
    float* row = weights.values.data() + weight.offset / sizeof(float);
    for (int k = 0; k < weight.n; ++k, row += depth) {
      float most = 0;
      for (std::size_t i = 0; i < depth; ++i) most = std::max(most, std::abs(row[i]));
      for (std::size_t i = 0; i < depth; ++i) row[i] = std::nearbyint(row[i] * 127 / most) * (most / 127);
    }
  }
  /// y's range is that of the reference's result in f32.
  void find_scale() {
    Conv2dInt8 floats = op;
    ByteArena space = arena;
    const Tensor& y = op.conv.y;
    floats.conv.y = space.place(y.n, y.h, y.w, y.c, 0, Type::f32);
    run_reference(floats, {space.data(), weights.data()});
    std::vector<float> values(floats.conv.y.pixel(y.n, 0, 0));
    std::memcpy(values.data(), space.data() + floats.conv.y.offset, values.size() * sizeof(float));
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    op.y = quantization_of(*low, *high);
    largest = std::max(std::abs(*low), std::abs(*high));
  }
};

void expect_near(const Problem& problem, const std::vector<std::uint8_t>& got, double steps) {
  const Tensor& y = problem.op.conv.y;
  ASSERT_EQ(got.size(), problem.want.size());
  const std::size_t size = size_of(y.type);
  std::vector<bool> written(got.size(), false);
  std::size_t different = 0, all = 0;
  for (int i = 0; i < y.n; ++i)
    for (int v = 0; v < y.h; ++v)
      for (int u = 0; u < y.w; ++u)
        for (int k = 0; k < y.c; ++k, ++all) {
          const std::size_t at = y.offset + (y.pixel(i, v, u) + static_cast<std::size_t>(k)) * size;
          for (std::size_t b = 0; b < size; ++b) written[at + b] = true;
          float a = got[at], b = problem.want[at], bound = static_cast<float>(steps);
          if (y.type == Type::f32) {
            std::memcpy(&a, got.data() + at, sizeof a), std::memcpy(&b, problem.want.data() + at, sizeof b);
            bound = problem.largest * (steps > 1 ? 5e-3f : 1e-5f);
          }
          different += a != b;
          ASSERT_LE(std::abs(a - b), bound) << i << ", " << v << ", " << u << ", " << k << ": " << a << ", not " << b;
        }
  for (std::size_t e = 0; e < got.size(); ++e)
    if (!written[e]) {
      ASSERT_EQ(got[e], problem.arena.values[e]) << "a guard at " << e;
    }
  // Values in the middle of two steps may round differently, and SiLU is approximate.
  if (y.type == Type::u8 && steps <= 1) {
    EXPECT_LE(different, 3 + all / 20);
  }
}

class Conv2dInt8Test : public testing::TestWithParam<Case> {
 protected:
  static void check(const Case& of, Type type) {
    const Problem problem(of, type);
    for (const Conv2dInt8CpuKernel* kernel : conv2d_int8_cpu_kernels()) {
      if (!kernel->supports(problem.op.conv)) continue;
      for (const std::string& target : instruction_sets()) {
        SCOPED_TRACE(std::string(kernel->name) + ", " + target);
        const Target chosen(target);
        const Conv2dInt8CpuPlan plan = kernel->plan(problem.op);
        std::vector<int> order(static_cast<std::size_t>(plan.tiles));
        std::iota(order.begin(), order.end(), 0);
        const std::vector<std::uint8_t> got = problem.run(plan, order);
        expect_near(problem, got, tolerance(*kernel));
        std::shuffle(order.begin(), order.end(), std::mt19937(5));
        EXPECT_EQ(problem.run(plan, order), got);
        if (HasFatalFailure()) return;
      }
    }
  }
};

TEST_P(Conv2dInt8Test, BytesAreAsTheReferenceInAnyOrderOfTiles) {
  check(GetParam(), Type::u8);
}

TEST_P(Conv2dInt8Test, FloatsAreAsTheReferenceInAnyOrderOfTiles) {
  Case of = GetParam();
  of.add = false;
  check(of, Type::f32);
}

INSTANTIATE_TEST_SUITE_P(Shapes, Conv2dInt8Test, testing::ValuesIn(kCases));

// The Winograd kernel's sums are the largest that 32 bits hold if all inputs and weights have the same sign.
TEST(Conv2dInt8, WinogradsSumsDoNotOverflow) {
  for (const int c : {16, 128, 512})
    for (const int pattern : {0, 1, 2}) {
      Case of{1, 8, 8, c, 16, {3, 3}, {1, 1}, {1, 1}};
      of.activation = Activation::none;
      Problem problem(of, Type::f32);
      const Conv2d& conv = problem.op.conv;
      float* bias = problem.weights.values.data() + conv.bias.offset / sizeof(float);
      std::fill(bias, bias + 16, 0.0f);
      float* plain = problem.weights.values.data() + conv.weight.offset / sizeof(float);
      for (int i = 0; i < 16 * 9 * c; ++i) plain[i] = pattern == 0 || (pattern == 1 && i / c % 2) ? 1.0f : -1.0f;
      problem.op.x.zero = 0;
      for (int y = 0; y < 8; ++y)
        for (int x = 0; x < 8; ++x)
          for (int k = 0; k < c; ++k)
            problem.arena.values[conv.x.offset + conv.x.pixel(0, y, x) + static_cast<std::size_t>(k)] =
                pattern == 1 && (x + y) % 2 ? 0 : 255;
      const Conv2dInt8CpuPlan plan = conv2d_int8_cpu_winograd.plan(problem.op);
      std::vector<int> tiles(static_cast<std::size_t>(plan.tiles));
      std::iota(tiles.begin(), tiles.end(), 0);
      const std::vector<std::uint8_t> got = problem.run(plan, tiles);
      for (int u = 1; u < 7; ++u) {
        double want = 0;
        for (int r = 0; r < 3; ++r)
          for (int s = 0; s < 3; ++s) {
            const double x = pattern == 1 && (u - 1 + s + 3 + r) % 2 ? 0 : 255;
            want += c * x * plain[static_cast<std::size_t>(r * 3 + s) * static_cast<std::size_t>(c)];
          }
        want *= problem.op.x.scale;
        float y;
        std::memcpy(&y, got.data() + conv.y.offset + conv.y.pixel(0, 4, u) * sizeof(float), sizeof y);
        EXPECT_NEAR(y, want, 2e-3 * 255 * 9 * c * problem.op.x.scale) << c << ", " << pattern << ", " << u;
      }
    }
}

TEST(Conv2dInt8, AWindowThatIsTooLargeDoesNotFit) {
  Conv2d conv{};
  conv.kernel = {3, 3}, conv.stride = conv.dilation = {1, 1}, conv.groups = 1;
  conv.x.c = 5000;
  EXPECT_TRUE(conv2d_int8_fits(conv));
  conv.x.c = 6000;
  EXPECT_FALSE(conv2d_int8_fits(conv));
}

TEST(Quantization, HoldsZeroAndTheEnds) {
  for (const auto& [low, high] : {std::pair(-0.28f, 6.0f), std::pair(0.0f, 1.0f), std::pair(-3.0f, -1.0f),
                                  std::pair(2.0f, 5.0f), std::pair(-3e38f, 3e38f)}) {
    const Quantization q = quantization_of(low, high);
    EXPECT_EQ(dequantize(static_cast<std::uint8_t>(q.zero), q), 0);
    EXPECT_EQ(quantize(0, q), q.zero);
    EXPECT_NEAR(dequantize(quantize(low, q), q), low, q.scale * 0.51);
    EXPECT_NEAR(dequantize(quantize(high, q), q), high, q.scale * 0.51);
    EXPECT_EQ(quantize(1e300, q), 255);
    EXPECT_EQ(quantize(-1e300, q), 0);
    EXPECT_EQ(quantize(std::nan(""), q), q.zero);
  }
  EXPECT_EQ(quantization_of(0, 0), (Quantization{1, 0}));
}

}  // namespace
}  // namespace cudet::test
