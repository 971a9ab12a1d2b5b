#include <limits>
#include <numeric>

#include "kernels/instruction_set.h"
#include "tests/kernels/conv2d_cases.h"

namespace cudet::test {

// One of the CPU's kernels, and how far from the reference it may be, of the largest output.
struct CpuKernel {
  const char* name;
  int (*tiles)(const Conv2d&);
  void (*run)(const Conv2d&, const Memory&, int first, int last);
  double tolerance;
};
constexpr CpuKernel kDirect{"direct", conv2d_cpu_direct_tiles, conv2d_cpu_direct, 1e-5};
constexpr CpuKernel kWinograd{"Winograd", conv2d_cpu_winograd_tiles, conv2d_cpu_winograd, 3e-5};
std::vector<CpuKernel> cpu_kernels(const Conv2d& op) {
  return conv2d_cpu_has_winograd(op) ? std::vector{kDirect, kWinograd} : std::vector{kDirect};
}

// A convolution on tensors of its own, random but for the seed, and what the reference makes of it.
struct Problem {
  explicit Problem(const Case& t) {
    const auto [v, u] = t.outputs();
    op.kernel = t.kernel, op.stride = t.stride, op.pad = t.pad, op.dilation = t.dilation;
    op.groups = t.groups, op.activation = t.activation, op.add = t.add;
    op.x = slice(arena.place_random(t.n, t.h, t.w, t.c + t.spare, 0, 1), t.c);
    op.y = slice(arena.place(t.n, v, u, t.k + t.spare), t.k);
    if (t.add) op.residual = slice(arena.place_random(t.n, v, u, t.k + t.spare + 2, 0, 2), t.k);
    op.weight = weights.place_random(t.k, t.kernel.h, t.kernel.w, t.c / t.groups, 0, 3);
    op.bias = weights.place_random(1, 1, 1, t.k, 0, 4);
    solve();
  }

  void solve() {
    packed_op = op;
    packed_op.weight.offset = weights.values.size() * sizeof(float);
    packed = weights.values;
    packed.resize(packed.size() + conv2d_cpu_packed_floats(op) + 64, kGuard);
    Conv2d no_size = op;  // weights are packed before a model meets an input
    no_size.y.h = no_size.y.w = no_size.x.h = no_size.x.w = 0;
    conv2d_cpu_pack(no_size, weights.values.data() + op.weight.offset / sizeof(float),
                    packed.data() + packed_op.weight.offset / sizeof(float));
    want = arena.values;
    conv2d_reference(op, {reinterpret_cast<std::byte*>(want.data()), weights.data()});
  }

  // The arena after tiles of a kernel.
  std::vector<float> run(const CpuKernel& kernel, const std::vector<int>& tiles) {
    std::vector<float> got = arena.values;
    for (const int tile : tiles) kernel.run(packed_op, memory(got), tile, tile + 1);
    return got;
  }
  std::vector<float> run_at_once(const CpuKernel& kernel) {
    std::vector<float> got = arena.values;
    kernel.run(packed_op, memory(got), 0, kernel.tiles(packed_op));
    return got;
  }
  std::vector<int> tiles(const CpuKernel& kernel) const {
    std::vector<int> all(static_cast<std::size_t>(kernel.tiles(packed_op)));
    std::iota(all.begin(), all.end(), 0);
    return all;
  }

  Arena arena{Space::arena}, weights{Space::weights};
  std::vector<float> packed, want;
  Conv2d op{}, packed_op{};

 private:
  Memory memory(std::vector<float>& values) const {
    return {reinterpret_cast<std::byte*>(values.data()), reinterpret_cast<const std::byte*>(packed.data())};
  }
  // The last c channels: a slice whose start is aligned to an element only.
  static Tensor slice(Tensor wide, int c) {
    wide.offset += static_cast<std::size_t>(wide.c - c) * sizeof(float);
    wide.c = c;
    return wide;
  }
};

// Makes the kernels run as on a machine that has this instruction set at best.
class Target {
 public:
  explicit Target(const std::string& name) { use_instruction_set(name); }
  ~Target() { use_instruction_set(before_); }
  Target(const Target&) = delete;  // the choice is the process's

 private:
  const std::string before_ = instruction_set();
};

class Conv2dTest : public testing::TestWithParam<Case> {};

TEST_P(Conv2dTest, EveryInstructionSetIsAsTheReferenceInAnyOrderOfTiles) {
  Problem problem(GetParam());
  for (const CpuKernel& kernel : cpu_kernels(problem.op))
    for (const std::string& name : instruction_sets()) {
      SCOPED_TRACE(std::string(kernel.name) + ", " + name);
      const Target target(name);
      std::vector<int> order = problem.tiles(kernel);
      std::reverse(order.begin(), order.end());
      const std::vector<float> got = problem.run(kernel, order);
      expect_close(got, problem.want, kernel.tolerance);
      std::shuffle(order.begin(), order.end(), std::mt19937(5));
      EXPECT_EQ(problem.run(kernel, order), got);
      EXPECT_EQ(problem.run_at_once(kernel), got);
      if (HasFailure()) return;
    }
}

TEST_P(Conv2dTest, PackingFillsItsFloatsAndNoMore) {
  const Problem problem(GetParam());
  const std::size_t start = problem.packed_op.weight.offset / sizeof(float);
  const std::size_t end = start + conv2d_cpu_packed_floats(problem.op);
  double sum = 0, want = 0;
  for (std::size_t e = 0; e < problem.packed.size(); ++e)
    if (e >= end) {
      EXPECT_EQ(problem.packed[e], kGuard) << e;
    } else if (e >= start) {
      EXPECT_NE(problem.packed[e], kGuard) << e;
      sum += problem.packed[e];
    }
  const Tensor& weight = problem.op.weight;
  for (std::size_t e = 0; e < weight.pixel(weight.n, 0, 0); ++e)
    want += problem.weights.values[weight.offset / sizeof(float) + e];
  const bool winograd = conv2d_cpu_has_winograd(problem.op);
  if (winograd)  // the columns of G sum up to 0, 0 and 1
    for (int k = 0; k < weight.n; ++k)
      for (int c = 0; c < weight.c; ++c)
        want += problem.weights.values[weight.offset / sizeof(float) + weight.pixel(k, 2, 2) + c];
  EXPECT_NEAR(sum, want, winograd ? 1e-3 : 1e-9);  // every weight once, zeros between
}

INSTANTIATE_TEST_SUITE_P(Shapes, Conv2dTest, testing::ValuesIn(kCases));

TEST(Conv2dTiles, AreEnoughForSeveralThreadsButWorthTheirWhile) {
  EXPECT_EQ(conv2d_cpu_direct_tiles(Problem({1, 1, 1, 1, 1, {1, 1}}).op), 1);
  const Conv2d large = Problem({1, 40, 40, 64, 64, {3, 3}, {1, 1}, {1, 1}}).op;
  EXPECT_GE(conv2d_cpu_direct_tiles(large), 16);
  EXPECT_LE(conv2d_cpu_direct_tiles(large), 64);
  EXPECT_GE(conv2d_cpu_winograd_tiles(large), 8);
  EXPECT_LE(conv2d_cpu_winograd_tiles(large), 16);
  EXPECT_GE(conv2d_cpu_direct_tiles(Problem({1, 20, 20, 256, 128, {1, 1}}).op), 16);
  EXPECT_GE(conv2d_cpu_winograd_tiles(Problem({1, 20, 20, 128, 128, {3, 3}, {1, 1}, {1, 1}}).op), 6);
}

TEST(Conv2dCpu, PicksWinogradWhereItSavesWork) {
  const auto picks = [](const Case& t) {
    const Conv2d op = Problem(t).op;
    EXPECT_EQ(conv2d_cpu_tiles(op),
              conv2d_cpu_picks_winograd(op) ? conv2d_cpu_winograd_tiles(op) : conv2d_cpu_direct_tiles(op));
    return conv2d_cpu_picks_winograd(op);
  };
  EXPECT_TRUE(picks({1, 20, 20, 64, 64, {3, 3}, {1, 1}, {1, 1}}));
  EXPECT_FALSE(picks({1, 20, 20, 64, 64, {3, 3}, {2, 2}, {1, 1}}));
  EXPECT_FALSE(picks({1, 20, 20, 64, 64, {1, 1}}));
  EXPECT_FALSE(picks({1, 20, 20, 24, 64, {3, 3}, {1, 1}, {1, 1}}));
  EXPECT_FALSE(picks({1, 20, 20, 64, 64, {3, 3}, {1, 1}, {2, 2}, {2, 2}}));
  EXPECT_FALSE(picks({1, 20, 20, 64, 64, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 4}));
  EXPECT_FALSE(picks({1, 2, 2, 64, 64, {3, 3}, {1, 1}, {1, 1}})) << "all but a quarter of the patch sticks out";
}

// The result of the picked kernel is that kernel's.
TEST(Conv2dCpu, RunsWhatItPicks) {
  Problem problem({1, 20, 20, 32, 40, {3, 3}, {1, 1}, {1, 1}});
  const CpuKernel picked{"picked", conv2d_cpu_tiles, conv2d_cpu, 0};
  EXPECT_EQ(problem.run_at_once(picked), problem.run_at_once(kWinograd));
  EXPECT_NE(problem.run_at_once(picked), problem.run_at_once(kDirect));
}

// A NaN in the input is in all outputs whose window holds it, and in no other: padding must not spread it.
TEST(Conv2dNaN, ReachesWhatDependsOnIt) {
  for (const Case& t :
       {Case{2, 9, 11, 6, 20, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 2, kSilu, true, 3},
        Case{1, 9, 11, 3, 20, {3, 3}, {2, 2}, {1, 1}}, Case{1, 9, 11, 5, 20, {1, 1}, {1, 1}, {0, 0}, {1, 1}, 1, kNone}})
    for (const auto& [row, column] : {std::pair{0, 0}, {4, 5}, {8, 10}, {0, 10}}) {
      Problem problem(t);
      constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
      problem.arena.at(problem.op.x, 0, row, column, t.c - 1) = kNaN;
      if (t.spare > 0) problem.arena.at(problem.op.x, 0, 4, 5, -1) = kNaN;  // beside the slice: no one's input
      problem.solve();
      const auto nans = [](const std::vector<float>& values) {
        std::vector<std::size_t> at;
        for (std::size_t e = 0; e < values.size(); ++e)
          if (std::isnan(values[e])) at.push_back(e);
        return at;
      };
      ASSERT_GT(nans(problem.want).size(), 1u);  // the input's own, and outputs
      for (const std::string& name : instruction_sets()) {
        const Target target(name);
        EXPECT_EQ(nans(problem.run_at_once(kDirect)), nans(problem.want)) << name << ": " << t;
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
    const std::vector<float> got = problem.run_at_once(kDirect);
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

}  // namespace cudet::test
