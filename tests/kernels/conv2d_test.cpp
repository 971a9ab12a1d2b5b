#include "kernels/conv2d/conv2d.h"

#include <hwy/targets.h>

#include <limits>
#include <numeric>
#include <ostream>

#include "tests/kernels/compare.h"

namespace cudet::test {

struct Case {
  int n, h, w, c, k;
  Extent kernel, stride = {1, 1}, pad = {0, 0}, dilation = {1, 1};
  int groups = 1;
  Activation activation = Activation::silu;
  bool add = false;
  int spare = 0;  // further channels of the wider tensors that x, y and residual are slices of
};

std::ostream& operator<<(std::ostream& out, const Case& t) {
  const auto pair = [&](const char* name, Extent e) { out << name << e.h << "x" << e.w; };
  out << t.n << "x" << t.h << "x" << t.w << "x" << t.c << " to " << t.k;
  pair(", kernel ", t.kernel), pair(", stride ", t.stride), pair(", pad ", t.pad), pair(", dilation ", t.dilation);
  return out << ", groups " << t.groups << (t.activation == Activation::silu ? ", SiLU" : "")
             << (t.add ? ", residual" : "") << ", spare " << t.spare;
}

constexpr Activation kNone = Activation::none, kSilu = Activation::silu;

// Forms of YOLOv8's layers, then odd ones that hide index bugs.
const std::vector<Case> kCases = {
    {1, 64, 96, 3, 16, {3, 3}, {2, 2}, {1, 1}},                               // the stem
    {1, 32, 32, 16, 32, {3, 3}, {2, 2}, {1, 1}},                              // between stages
    {1, 20, 20, 64, 64, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 1, kSilu, true, 64},  // a bottleneck of C2f
    {1, 20, 20, 96, 48, {1, 1}},                                              // pointwise
    {1, 20, 20, 80, 80, {1, 1}, {1, 1}, {0, 0}, {1, 1}, 1, kNone},            // the end of Detect
    {1, 80, 80, 4, 8, {1, 1}, {1, 1}, {0, 0}, {1, 1}, 1, kSilu, true, 4},     // several tiles
    {1, 1, 1, 1, 1, {1, 1}, {1, 1}, {0, 0}, {1, 1}, 1, kNone},                // the least
    {1, 7, 5, 5, 1, {1, 1}},                                                  // one output channel
    {1, 7, 5, 5, 17, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 1, kSilu, true, 3},      // one beyond a block
    {3, 9, 11, 13, 37, {3, 3}, {2, 2}, {1, 1}, {1, 1}, 1, kSilu, true, 5},    // several images, nothing divides
    {3, 5, 7, 24, 33, {1, 1}, {1, 1}, {0, 0}, {1, 1}, 1, kSilu, false, 1},    // slices at odd places
    {2, 6, 9, 10, 36, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 2, kSilu, true, 7},     // groups, a part of a block each
    {1, 6, 5, 9, 51, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 3},                      // groups, one beyond a block each
    {1, 6, 5, 96, 96, {1, 1}, {1, 1}, {0, 0}, {1, 1}, 3, kSilu, true},        // groups of whole blocks
    {2, 9, 8, 21, 21, {3, 3}, {2, 2}, {1, 1}, {1, 1}, 21, kSilu, true, 2},    // depthwise
    {1, 8, 8, 6, 12, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 6, kNone},               // depthwise with a multiplier
    {1, 9, 8, 8, 16, {1, 1}, {2, 2}},                                         // pointwise, but not every pixel
    {1, 5, 6, 8, 16, {1, 1}, {1, 1}, {1, 1}},                                 // pointwise, but with a frame
    {1, 13, 17, 8, 16, {3, 3}, {3, 3}, {0, 0}},                               // stride 3
    {1, 13, 17, 8, 16, {3, 5}, {1, 2}, {1, 2}, {1, 1}, 1, kSilu, true},       // height and width differ
    {1, 13, 17, 8, 16, {5, 3}, {3, 1}, {2, 0}, {1, 2}},                       // and again
    {2, 12, 14, 7, 20, {3, 3}, {1, 1}, {2, 2}, {2, 2}, 1, kSilu, false, 9},   // dilation
    {1, 10, 30, 6, 18, {3, 2}, {1, 1}, {0, 0}, {3, 1}},                       // dilation of rows only
    {1, 4, 3, 5, 6, {2, 3}, {1, 1}, {4, 5}},                                  // windows that see only padding
    {1, 2, 2, 3, 4, {7, 7}, {1, 1}, {3, 3}},                                  // a kernel larger than the picture
    {1, 3, 40, 3, 16, {3, 1}, {1, 1}, {1, 0}},                                // rows of taps that are single
    {1, 3, 3, 1500, 2, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 1, kSilu, false, 1},   // very many channels
    {1, 1, 300, 3, 100, {1, 3}, {1, 1}, {0, 1}, {1, 1}, 1, kSilu, true, 1},   // a picture of one row
    {1, 5, 5, 640, 200, {3, 3}, {1, 1}, {1, 1}},                              // several ranges of channels
};

// A convolution on tensors of its own, random but for the seed, and what the reference makes of it.
struct Problem {
  explicit Problem(const Case& t) {
    const auto outputs = [](int size, int kernel, int stride, int pad, int dilation) {
      return (size + 2 * pad - dilation * (kernel - 1) - 1) / stride + 1;
    };
    const int v = outputs(t.h, t.kernel.h, t.stride.h, t.pad.h, t.dilation.h);
    const int u = outputs(t.w, t.kernel.w, t.stride.w, t.pad.w, t.dilation.w);
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

  // The arena after the tiles of the CPU's kernel, in this order.
  std::vector<float> run(const std::vector<int>& tiles) {
    std::vector<float> got = arena.values;
    const Memory memory{reinterpret_cast<std::byte*>(got.data()), reinterpret_cast<const std::byte*>(packed.data())};
    for (const int tile : tiles) conv2d_cpu(packed_op, memory, tile, tile + 1);
    return got;
  }
  std::vector<int> tiles() const {
    std::vector<int> all(static_cast<std::size_t>(conv2d_cpu_tiles(packed_op)));
    std::iota(all.begin(), all.end(), 0);
    return all;
  }

  Arena arena{Space::arena}, weights{Space::weights};
  std::vector<float> packed, want;
  Conv2d op{}, packed_op{};

 private:
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
  explicit Target(std::int64_t target) { choose(target); }
  ~Target() { choose(0); }
  Target(const Target&) = delete;  // the choice is the process's

 private:
  static void choose(std::int64_t targets) {
    hwy::SetSupportedTargetsForTest(targets);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  }
};

class Conv2dTest : public testing::TestWithParam<Case> {};

TEST_P(Conv2dTest, EveryInstructionSetIsAsTheReferenceInAnyOrderOfTiles) {
  Problem problem(GetParam());
  std::vector<int> order = problem.tiles();
  const std::vector<int> forwards = order;
  for (const std::int64_t name : hwy::SupportedAndGeneratedTargets()) {
    SCOPED_TRACE(hwy::TargetName(name));
    const Target target(name);
    std::reverse(order.begin(), order.end());
    const std::vector<float> got = problem.run(order);
    expect_close(got, problem.want, 1e-5);
    std::shuffle(order.begin(), order.end(), std::mt19937(5));
    EXPECT_EQ(problem.run(order), got);
    std::vector<float> at_once = problem.arena.values;
    conv2d_cpu(
        problem.packed_op,
        {reinterpret_cast<std::byte*>(at_once.data()), reinterpret_cast<const std::byte*>(problem.packed.data())}, 0,
        static_cast<int>(forwards.size()));
    EXPECT_EQ(at_once, got);
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
  EXPECT_NEAR(sum, want, 1e-9);  // every weight once, zeros between
}

INSTANTIATE_TEST_SUITE_P(Shapes, Conv2dTest, testing::ValuesIn(kCases));

TEST(Conv2dTiles, AreEnoughForSeveralThreadsButWorthTheirWhile) {
  EXPECT_EQ(conv2d_cpu_tiles(Problem({1, 1, 1, 1, 1, {1, 1}}).op), 1);
  const int large = conv2d_cpu_tiles(Problem({1, 40, 40, 64, 64, {3, 3}, {1, 1}, {1, 1}}).op);
  EXPECT_GE(large, 16);
  EXPECT_LE(large, 64);
  EXPECT_GE(conv2d_cpu_tiles(Problem({1, 20, 20, 256, 128, {1, 1}}).op), 16);
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
      for (const std::int64_t name : hwy::SupportedAndGeneratedTargets()) {
        const Target target(name);
        EXPECT_EQ(nans(problem.run(problem.tiles())), nans(problem.want)) << hwy::TargetName(name) << ": " << t;
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
  for (const std::int64_t name : hwy::SupportedAndGeneratedTargets()) {
    const Target target(name);
    const std::vector<float> got = problem.run(problem.tiles());
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      const double x = arguments[i], want = x / (1 + std::exp(-x)), y = got[problem.op.y.offset / sizeof(float) + i];
      const double bound = (4e-7 + 1e-7 * std::abs(x)) * std::abs(want) + 4e-37;  // zero below −88.4
      if (std::isinf(want))
        EXPECT_EQ(y, want) << hwy::TargetName(name);
      else if (const double difference = std::abs(y - want); !(difference <= bound))
        FAIL() << hwy::TargetName(name) << ": silu(" << x << ") = " << y << ", expected " << want;
    }
  }
}

}  // namespace cudet::test
