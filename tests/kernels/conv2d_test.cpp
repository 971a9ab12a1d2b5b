#include <array>
#include <limits>
#include <memory>
#include <numeric>

#include "kernels/conv2d/cpu/kernels.h"
#include "tests/kernels/conv2d_cases.h"
#include "tests/kernels/scratch.h"
#include "tests/kernels/target.h"

namespace cudet::test {

// How far from the reference a kernel may be, relative to the largest output.
double tolerance(const Conv2dCpuKernel& kernel) {
  return &kernel == &conv2d_cpu_winograd ? 3e-5 : 1e-5;
}

std::vector<const Conv2dCpuKernel*> kernels_for(const Conv2d& op) {
  std::vector<const Conv2dCpuKernel*> kernels;
  for (const Conv2dCpuKernel* kernel : kConv2dCpuKernels)
    if (kernel->supports(op)) kernels.push_back(kernel);
  return kernels;
}

// A convolution on its own tensors, of random values from a fixed seed, and the reference's result.
struct Problem {
  explicit Problem(const Case& t) {
    const auto [v, u] = t.outputs();
    op.kernel = t.kernel, op.stride = t.stride, op.pad = t.pad, op.dilation = t.dilation;
    op.slope = kSlope, op.groups = t.groups, op.activation = t.activation, op.add = t.add;
    op.x = slice(arena.place_random(t.n, t.h, t.w, t.c + t.spare, 0, 1), t.c);
    op.y = slice(arena.place(t.n, v, u, t.k + t.spare), t.k);
    if (t.add) op.residual = slice(arena.place_random(t.n, v, u, t.k + t.spare + 2, 0, 2), t.k);
    op.weight = weights.place_random(t.k, t.kernel.h, t.kernel.w, t.c / t.groups, 0, 3);
    op.bias = weights.place_random(1, 1, 1, t.k, 0, 4);
    solve();
  }

  void solve() {
    want = arena.values;
    run_reference(op, {reinterpret_cast<std::byte*>(want.data()), weights.data()});
  }

  // The plain weights, the kernel's packed weights, and guards.
  std::vector<float> pack(const Conv2dCpuKernel& kernel) const {
    std::vector<float> packed = weights.values;
    packed.resize(packed.size() + kernel.packed_floats(op) + 64, kGuard);
    Conv2d no_size = op;  // weights are packed before the size of the input is known
    no_size.y.h = no_size.y.w = no_size.x.h = no_size.x.w = 0;
    kernel.pack(no_size, weights.values.data() + op.weight.offset / sizeof(float),
                packed.data() + weights.values.size());
    return packed;
  }

  // The arena after one call for each of these tiles.
  std::vector<float> run(const Conv2dCpuPlan& plan, const std::vector<int>& tiles) const { return run(plan, tiles, 1); }
  // The arena after one call for all tiles.
  std::vector<float> run(const Conv2dCpuKernel& kernel, int threads = kThreads) const {
    const Conv2dCpuPlan plan = kernel.plan(op, threads);
    return run(plan, {0}, plan.tiles);
  }

  static constexpr int kThreads = 3;
  Arena arena{Space::arena}, weights{Space::weights};
  std::vector<float> want;
  Conv2d op{};

 private:
  std::vector<float> run(const Conv2dCpuPlan& plan, const std::vector<int>& tiles, int tiles_per_call) const {
    const std::vector<float> packed = pack(*plan.kernel);
    std::vector<float> got = arena.values;
    Conv2d packed_op = op;
    packed_op.weight.offset = weights.values.size() * sizeof(float);
    const auto scratch = std::make_unique<Scratch>();
    const Memory memory{reinterpret_cast<std::byte*>(got.data()), reinterpret_cast<const std::byte*>(packed.data()),
                        scratch->data()};
    for (const int tile : tiles) plan.kernel->run(packed_op, plan, memory, tile, tile + tiles_per_call);
    return got;
  }
  // The last c channels: a slice whose start is aligned to an element only.
  static Tensor slice(Tensor wide, int c) {
    wide.offset += static_cast<std::size_t>(wide.c - c) * sizeof(float);
    wide.c = c;
    return wide;
  }
};

class Conv2dTest : public testing::TestWithParam<Case> {};

TEST_P(Conv2dTest, EveryInstructionSetIsAsTheReferenceInAnyOrderOfTiles) {
  Problem problem(GetParam());
  for (const Conv2dCpuKernel* kernel : kernels_for(problem.op))
    for (const std::string& name : instruction_sets()) {
      SCOPED_TRACE(std::string(kernel->name) + ", " + name);
      const Target target(name);
      const Conv2dCpuPlan plan = kernel->plan(problem.op, Problem::kThreads);
      std::vector<int> order(static_cast<std::size_t>(plan.tiles));
      std::iota(order.rbegin(), order.rend(), 0);
      const std::vector<float> got = problem.run(plan, order);
      expect_close(got, problem.want, tolerance(*kernel));
      std::shuffle(order.begin(), order.end(), std::mt19937(5));
      EXPECT_EQ(problem.run(plan, order), got);
      EXPECT_EQ(problem.run(*kernel), got);
      EXPECT_EQ(problem.run(*kernel, 1), got) << "tiles for one thread";
      EXPECT_EQ(problem.run(*kernel, 16), got) << "tiles for many";
      if (HasFailure()) return;
    }
}

TEST_P(Conv2dTest, PackingFillsItsFloatsAndNoMore) {
  Problem problem(GetParam());
  const Tensor& weight = problem.op.weight;
  for (const Conv2dCpuKernel* kernel : kernels_for(problem.op)) {
    SCOPED_TRACE(kernel->name);
    const std::vector<float> packed = problem.pack(*kernel);
    const std::size_t start = problem.weights.values.size(), end = start + kernel->packed_floats(problem.op);
    double sum = 0, want = 0;
    for (std::size_t e = start; e < packed.size(); ++e)
      if (e >= end) {
        EXPECT_EQ(packed[e], kGuard) << e;
      } else {
        EXPECT_NE(packed[e], kGuard) << e;
        sum += packed[e];
      }
    const bool winograd = kernel == &conv2d_cpu_winograd && !winograd_keeps_taps(problem.op);
    for (int k = 0; k < weight.n; ++k)
      for (int r = 0; r < weight.h; ++r)
        for (int s = 0; s < weight.w; ++s)
          for (int c = 0; c < weight.c; ++c)
            // The columns of G sum up to 0, 0 and 1, with stride 2 to 0, 1 and 1.
            if (!winograd || std::min(r, s) > (problem.op.stride.h == 1 ? 1 : 0))
              want += problem.weights.at(weight, k, r, s, c);
    EXPECT_NEAR(sum, want, winograd ? 1e-3 : 1e-9);  // every weight once, zeros between
  }
}

TEST_P(Conv2dTest, EveryInstructionSetPacksTheSame) {
  Problem problem(GetParam());
  for (const Conv2dCpuKernel* kernel : kernels_for(problem.op)) {
    const std::vector<float> packed = problem.pack(*kernel);
    for (const std::string& name : instruction_sets()) {
      const Target target(name);
      EXPECT_EQ(problem.pack(*kernel), packed) << kernel->name << ", " << name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, Conv2dTest, testing::ValuesIn(kCases));

// Winograd's variant for stride 2, with patches that are partly outside of the image or start there.
INSTANTIATE_TEST_SUITE_P(Stride2, Conv2dTest,
                         testing::ValuesIn(std::vector<Case>{
                             {1, 40, 48, 32, 64, {3, 3}, {2, 2}, {1, 1}},
                             {2, 23, 41, 48, 40, {3, 3}, {2, 2}, {1, 1}, {1, 1}, 1, kSilu, true, 3},
                             {1, 31, 26, 32, 16, {3, 3}, {2, 2}, {0, 2}, {1, 1}, 1, kNone},
                             {1, 1, 2, 32, 33, {3, 3}, {2, 2}, {1, 1}},
                             {1, 21, 19, 320, 48, {3, 3}, {2, 2}, {1, 1}},
                             {2, 21, 19, 144, 150, {3, 3}, {2, 2}, {1, 1}, {1, 1}, 1, kSilu, true, 3},
                             {1, 3, 5, 848, 33, {3, 3}, {2, 2}, {1, 1}}}));

// So many channels that they are processed in chunks, that weights are transformed as they are read, or both.
INSTANTIATE_TEST_SUITE_P(ManyChannels, Conv2dTest,
                         testing::ValuesIn(std::vector<Case>{
                             {2, 15, 13, 320, 70, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 1, kSilu, true, 3},
                             {1, 8, 7, 384, 272, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 1, kNone},
                             {1, 22, 25, 128, 128, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 1, kSilu, true, 1},
                             {1, 7, 6, 80, 330, {3, 3}, {1, 1}, {1, 1}},
                             {1, 6, 9, 272, 17, {3, 3}, {1, 1}, {1, 1}},
                             {1, 2, 3, 1040, 17, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 1, kNone, true}}));

TEST(Conv2dPacking, LeavesManyWeightsOfWinogradsUntransformed) {
  const Conv2d many = Problem({1, 4, 4, 128, 128, {3, 3}, {1, 1}, {1, 1}}).op;
  const Conv2d few = Problem({1, 4, 4, 64, 64, {3, 3}, {1, 1}, {1, 1}}).op;
  EXPECT_EQ(conv2d_cpu_winograd.packed_floats(many), conv2d_cpu_direct.packed_floats(many));
  EXPECT_EQ(conv2d_cpu_winograd.packed_floats(few), 4 * conv2d_cpu_direct.packed_floats(few));
}

TEST(Conv2dTiles, OfWinogradFitTheScratchMemory) {
  for (const int c : {16, 64, 80, 256, 272, 320, 640, 4000})
    for (int k = 1; k < 1300; k += 13)
      for (const auto& [side, stride, n, threads] : {std::array{1, 1, 1, 1},
                                                     {5, 1, 2, 2},
                                                     {20, 1, 1, 4},
                                                     {80, 1, 3, 16},
                                                     {1, 2, 1, 1},
                                                     {20, 2, 5, 2},
                                                     {4, 1, 64, 64},
                                                     {20, 1, 1, 64},
                                                     {80, 2, 1, 7}}) {
        Conv2d op{};
        op.x.c = c, op.y = {Space::arena, Type::f32, 0, n, side, side, k, k};
        op.kernel = {3, 3}, op.stride = {stride, stride}, op.dilation = {1, 1}, op.groups = 1;
        if (!conv2d_cpu_winograd.supports(op)) continue;
        const Conv2dWinogradPlan plan = winograd_plan(op, threads);
        const int points = winograd_variant(stride).points_per_pass(), per_tile = plan.patches_per_tile;
        const std::size_t results =
            static_cast<std::size_t>(per_tile * plan.ranges.blocks * kConv2dBlock) *
            static_cast<std::size_t>(kWinogradOut * kWinogradOut + (plan.chunk < c ? points : 0));
        ASSERT_GE(per_tile, 1);
        const auto values = static_cast<std::size_t>(winograd_values(points, per_tile, plan.chunk));
        EXPECT_LE(values + results, std::size_t{kWinogradRoom});
        EXPECT_GE(per_tile, std::min(plan.patches, 4)) << "chains of multiply-adds";
        EXPECT_LE(points * per_tile, kWinogradProducts);
        EXPECT_TRUE(plan.chunk <= kWinogradChunk || !winograd_keeps_taps(op)) << "room for weights";
        EXPECT_GE(per_tile * plan.runs, plan.patches);
        EXPECT_GE(plan.ranges.blocks * plan.ranges.count, plan.blocks.count);
      }
}

TEST(Conv2dTiles, AreEnoughForSeveralThreadsButWorthTheirWhile) {
  EXPECT_EQ(conv2d_cpu_direct.plan(Problem({1, 1, 1, 1, 1, {1, 1}}).op, 4).tiles, 1);
  const Conv2d large = Problem({1, 40, 40, 64, 64, {3, 3}, {1, 1}, {1, 1}}).op;
  const Conv2d pointwise = Problem({1, 20, 20, 256, 128, {1, 1}}).op;
  const Conv2d small = Problem({1, 20, 20, 128, 128, {3, 3}, {1, 1}, {1, 1}}).op;
  for (const int threads : {1, 2, 3, 4, 8}) {
    EXPECT_GE(conv2d_cpu_direct.plan(large, threads).tiles, 8 * threads);
    EXPECT_LE(conv2d_cpu_direct.plan(large, threads).tiles, std::max(32 * threads, 64));
    EXPECT_GE(conv2d_cpu_direct.plan(pointwise, threads).tiles, 8 * threads);
    EXPECT_LE(conv2d_cpu_direct.plan(pointwise, threads).tiles, std::max(16 * threads, 32));
    for (const Conv2d& op : {large, small}) {
      const int tiles = conv2d_cpu_winograd.plan(op, threads).tiles;
      EXPECT_GE(tiles, threads);
      EXPECT_LE(ceil_div(tiles, threads) * threads, tiles * 4 / 3) << "threads that wait for others";
      EXPECT_LE(tiles, 4 * threads);
    }
  }
}

TEST(Conv2dCpu, UsesWinogradWhereItIsSupported) {
  const auto uses_winograd = [](const Case& t) {
    const Problem problem(t);
    const Conv2dCpuPlan plan = conv2d_cpu_plan(problem.op, Problem::kThreads);
    EXPECT_EQ(plan.kernel, &conv2d_cpu_kernel(problem.op));
    EXPECT_TRUE(plan.kernel->supports(problem.op));
    EXPECT_EQ(plan.tiles, plan.kernel->plan(problem.op, Problem::kThreads).tiles);
    const bool winograd = plan.kernel == &conv2d_cpu_winograd;
    EXPECT_EQ(problem.run(*plan.kernel) != problem.run(conv2d_cpu_direct), winograd) << "rounding differs";
    return winograd;
  };
  EXPECT_TRUE(uses_winograd({1, 20, 20, 32, 40, {3, 3}, {1, 1}, {1, 1}}));
  EXPECT_TRUE(uses_winograd({1, 2, 2, 16, 16, {3, 3}, {1, 1}, {1, 1}}))
      << "three quarters of the patch are outside of the image";
  EXPECT_TRUE(uses_winograd({1, 9, 9, 32, 16, {3, 3}, {2, 2}, {1, 1}}));
  EXPECT_FALSE(uses_winograd({1, 8, 8, 16, 16, {3, 3}, {2, 2}, {1, 1}}))
      << "the transforms take the time that the products save";
  EXPECT_FALSE(uses_winograd({1, 8, 8, 32, 16, {3, 3}, {2, 1}, {1, 1}}));
  EXPECT_FALSE(uses_winograd({1, 8, 8, 16, 16, {1, 1}}));
  EXPECT_FALSE(uses_winograd({1, 8, 8, 24, 16, {3, 3}, {1, 1}, {1, 1}}));
  EXPECT_TRUE(uses_winograd({1, 8, 8, 2048, 16, {3, 3}, {1, 1}, {1, 1}}));
  EXPECT_FALSE(uses_winograd({1, 8, 8, 16, 16, {3, 3}, {1, 1}, {2, 2}, {2, 2}}));
  EXPECT_FALSE(uses_winograd({1, 8, 8, 64, 64, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 4}));
}

std::vector<std::size_t> nans(const std::vector<float>& values) {
  std::vector<std::size_t> at;
  for (std::size_t e = 0; e < values.size(); ++e)
    if (std::isnan(values[e])) at.push_back(e);
  return at;
}

// A NaN in the input reaches all outputs whose window holds it, and no other: padding must not spread it.
TEST(Conv2dNaN, ReachesWhatDependsOnIt) {
  for (const Case& t :
       {Case{2, 9, 11, 6, 20, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 2, kSilu, true, 3},
        Case{1, 9, 11, 3, 20, {3, 3}, {2, 2}, {1, 1}}, Case{1, 9, 11, 5, 20, {1, 1}, {1, 1}, {0, 0}, {1, 1}, 1, kNone}})
    for (const auto& [row, column] : {std::pair{0, 0}, {4, 5}, {8, 10}, {0, 10}}) {
      Problem problem(t);
      constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
      problem.arena.at(problem.op.x, 0, row, column, t.c - 1) = kNaN;
      if (t.spare > 0) problem.arena.at(problem.op.x, 0, 4, 5, -1) = kNaN;  // outside of the slice: not an input
      problem.solve();
      ASSERT_GT(nans(problem.want).size(), 1u);  // the input's own, and outputs
      for (const std::string& name : instruction_sets()) {
        const Target target(name);
        EXPECT_EQ(nans(problem.run(conv2d_cpu_direct)), nans(problem.want)) << name << ": " << t;
      }
    }
}

// With the Winograd kernel, it also reaches all outputs that depend on it, and at most the patches that read it.
TEST(Conv2dNaN, StaysInThePatchesOfWinogradThatReadIt) {
  constexpr std::pair<int, int> kPixels[] = {{0, 0}, {4, 5}, {3, 8}, {8, 10}, {0, 10}};
  for (int i = 0; i < 20; ++i) {
    const auto [row, column] = kPixels[i / 4];
    const int stride = i % 2 + 1, c = i % 4 < 2 ? 32 : 912;  // 912 go in chunks
    const Case t{2, 9, 11, c, 20, {3, 3}, {stride, stride}, {1, 1}, {1, 1}, 1, kSilu, true, 3};
    Problem problem(t);
    problem.arena.at(problem.op.x, 1, row, column, 7) = std::numeric_limits<float>::quiet_NaN();
    problem.solve();
    std::vector<std::size_t> allowed = nans(problem.arena.values);
    const auto reads = [stride](int output, int input) {
      const int first = output / kWinogradOut * kWinogradOut * stride - 1;
      return first <= input && input < first + winograd_variant(stride).in;
    };
    for (int v = 0; v < t.outputs().h; ++v)
      for (int u = 0; u < t.outputs().w; ++u)
        for (int k = 0; k < t.k; ++k)
          if (reads(v, row) && reads(u, column))
            allowed.push_back(
                static_cast<std::size_t>(&problem.arena.at(problem.op.y, 1, v, u, k) - problem.arena.values.data()));
    std::sort(allowed.begin(), allowed.end());
    for (const std::string& name : instruction_sets()) {
      const Target target(name);
      SCOPED_TRACE(name + (": " + testing::PrintToString(t)));
      const std::vector<std::size_t> got = nans(problem.run(conv2d_cpu_winograd)), want = nans(problem.want);
      EXPECT_TRUE(std::includes(got.begin(), got.end(), want.begin(), want.end()));
      EXPECT_TRUE(std::includes(allowed.begin(), allowed.end(), got.begin(), got.end()));
    }
  }
}

// The kernel's own SiLU against the exact one, through a convolution that is the identity.
TEST(Conv2dSilu, IsExactToItsStatedErrorAtAnyArgument) {
  std::vector<float> arguments = {0, -0.0f, 1e-30f, 3e38f, -3e38f, std::numeric_limits<float>::infinity(), -87, 87};
  for (float x = -120; x < 120; x += 0.0371f) arguments.push_back(x);
  Problem problem({1, 1, static_cast<int>(arguments.size()), 1, 1, {1, 1}});
  for (std::size_t i = 0; i < arguments.size(); ++i)
    problem.arena.at(problem.op.x, 0, 0, static_cast<int>(i), 0) = arguments[i];
  problem.weights.at(problem.op.weight, 0, 0, 0, 0) = 1;
  problem.weights.at(problem.op.bias, 0, 0, 0, 0) = 0;
  problem.solve();
  for (const std::string& name : instruction_sets()) {
    const Target target(name);
    const std::vector<float> got = problem.run(conv2d_cpu_direct);
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      const double x = arguments[i], want = x / (1 + std::exp(-x)), y = got[problem.op.y.offset / sizeof(float) + i];
      const double bound = (4e-7 + 1e-7 * std::abs(x)) * std::abs(want) + 4e-37;  // zero below −88.4
      if (std::isinf(want))
        EXPECT_EQ(y, want) << name;
      else if (const double difference = std::abs(y - want); !(difference <= bound))
        FAIL() << name << ": silu(" << x << ") = " << y << ", expected " << want;
    }
  }
}

// The other activations against the exact ones, in the same way.
TEST(Conv2dActivation, IsExactToItsStatedErrorAtAnyArgument) {
  std::vector<float> arguments = {0, -0.0f, 1e-30f, 3e38f, -3e38f, 6, -3, 3};
  for (float x = -120; x < 120; x += 0.0371f) arguments.push_back(x);
  for (const Activation kind : kActivations) {
    Problem problem({1, 1, static_cast<int>(arguments.size()), 1, 1, {1, 1}, {1, 1}, {0, 0}, {1, 1}, 1, kind});
    for (std::size_t i = 0; i < arguments.size(); ++i)
      problem.arena.at(problem.op.x, 0, 0, static_cast<int>(i), 0) = arguments[i];
    problem.weights.at(problem.op.weight, 0, 0, 0, 0) = 1;
    problem.weights.at(problem.op.bias, 0, 0, 0, 0) = 0;
    for (const std::string& name : instruction_sets()) {
      const Target target(name);
      const std::vector<float> got = problem.run(conv2d_cpu_direct);
      for (std::size_t i = 0; i < arguments.size(); ++i) {
        const double x = arguments[i], want = activate({kind, kSlope}, x);
        const double y = got[problem.op.y.offset / sizeof(float) + i];
        if (const double difference = std::abs(y - want);
            !(difference <= 3e-7 * std::abs(x) + 1e-6 * std::abs(want) + 1e-36))
          FAIL() << name << ": " << activation_name(kind) << "(" << x << ") = " << y << ", expected " << want;
      }
    }
  }
}

TEST(Conv2dActivation, KeepsNaN) {
  for (const Activation kind : kActivations) {
    Problem problem({1, 1, 40, 1, 1, {1, 1}, {1, 1}, {0, 0}, {1, 1}, 1, kind});
    problem.arena.at(problem.op.x, 0, 0, 17, 0) = std::numeric_limits<float>::quiet_NaN();
    for (const std::string& name : instruction_sets()) {
      const Target target(name);
      const std::vector<float> got = problem.run(conv2d_cpu_direct);
      EXPECT_TRUE(std::isnan(got[problem.op.y.offset / sizeof(float) + 17])) << name << " " << activation_name(kind);
    }
  }
}

}  // namespace cudet::test
