#include "runtime/compile/fusion.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "runtime/compile/lowering.h"
#include "runtime/compile/passes.h"
#include "runtime/cpu/executor.h"
#include "runtime/model/model.h"
#include "tests/runtime/random_weights.h"

namespace cudet::test {
namespace {

Graph graph_of(const Description& description) {
  Graph graph = build_graph(description, RandomWeights(1));
  optimise(graph);
  return graph;
}

template <class Op>
int count(const Program& program) {
  return static_cast<int>(std::count_if(program.steps.begin(), program.steps.end(),
                                        [](const auto& named) { return std::holds_alternative<Op>(named.step); }));
}

Program for_cuda(const Graph& graph, Type type) {
  return compile(graph, no_weights(graph), 2, {64, 96}, false, {type, true});
}

TEST(Fusion, FusesPoolingsAndDySampleOfYoloV8) {
  const Graph plain = graph_of(read_description("weights/yolov8.json")),
              dysample = graph_of(read_description("weights/yolov8-dysample.json"));
  for (const Type type : {Type::f32, Type::f16}) {
    const Program without = for_cuda(plain, type), with = for_cuda(dysample, type);
    for (const Program* program : {&without, &with}) {
      EXPECT_EQ(count<MaxPoolChain>(*program), 1);
      EXPECT_EQ(count<MaxPool>(*program), 0);
      EXPECT_EQ(count<Conv2d>(*program), 63);
      EXPECT_EQ(count<DySample>(*program), 0);
    }
    EXPECT_EQ(count<ConvDySample>(without), 0);
    EXPECT_EQ(count<ConvDySample>(with), 2);
  }
}

// No kernel computes both operators, or the poolings do not form a chain.
TEST(Fusion, KeepsOperatorsThatCannotBeFused) {
  const auto program = [](const std::string& rows) {
    const std::string text = R"({"format": "cudet-model", "version": 1, "nc": 1, "backbone": [
        [-1, 1, "Conv", [24, 3, 2]], )" +
                             rows + R"(], "head": [[-1, 1, "Detect", ["nc"]]]})";
    return for_cuda(graph_of(parse_description(text, "m.json")), Type::f32);
  };
  const Program narrow = program(R"([-1, 1, "DySample", [2, "lp", 12]])");  // 2 channels per group: no full vector
  EXPECT_EQ(count<ConvDySample>(narrow), 0);
  EXPECT_EQ(count<DySample>(narrow), 1);
  const Program one = program(R"([-1, 1, "SPPF", [24, 5, 1]])");
  EXPECT_EQ(count<MaxPoolChain>(one), 0);
  EXPECT_EQ(count<MaxPool>(one), 1);
  const Program two = program(R"([-1, 1, "SPPF", [24, 5, 2]], [-1, 1, "SPPF", [24, 3, 3]])");
  EXPECT_EQ(count<MaxPoolChain>(two), 2);
  EXPECT_EQ(count<MaxPool>(two), 0);
}

/// The output for an input of noise. The arena starts as NaN, so that reading what no step has written shows.
template <class Run>
std::vector<float> output(const Program& program, const PackedWeights& weights, Run run) {
  Buffer arena(program.memory.bytes);
  std::memset(arena.data(), 0xff, arena.bytes());
  const Memory memory{arena.data(), weights.bytes.data()};
  std::mt19937 random(2);
  std::uniform_real_distribution<float> draw(0, 1);
  const Tensor& x = program.input;
  for (int i = 0; i < x.n; ++i)
    for (int y = 0; y < x.h; ++y)
      for (int u = 0; u < x.w; ++u)
        for (int c = 0; c < x.c; ++c)
          arena_data<float>(memory, x)[x.pixel(i, y, u) + static_cast<std::size_t>(c)] = draw(random);
  run(program, memory);
  const float* y = arena_data<float>(memory, program.output);
  return {y, y + program.output.pixel(program.output.n, 0, 0)};
}

TEST(Fusion, ChangesNoValue) {
  const Graph graph = graph_of(read_description("weights/yolov8-dysample.json"));
  const PackedWeights reference = pack_for_reference(graph), cpu = pack_for_cpu(graph);
  const auto by_reference = [](const Program& program, const Memory& memory) { run_reference(program, memory); };
  const auto by_cpu = [](Program program, const Memory& memory) {
    for (Program::NamedStep& named : program.steps) named.plan = plan_step(named.step, {Type::f32, false, 2});
    CpuExecutor(2).run(program, memory);
  };
  const Extent size{64, 32};
  const auto outputs = [&](const PackedWeights& weights, auto run) {
    const Program apart = compile(graph, weights, 1, size),
                  fused = compile(graph, weights, 1, size, false, {Type::f32, true});
    EXPECT_LT(fused.steps.size(), apart.steps.size());
    const std::vector<float> want = output(apart, weights, run), got = output(fused, weights, run);
    EXPECT_TRUE(std::all_of(want.begin(), want.end(), [](float v) { return std::isfinite(v); }));
    EXPECT_EQ(got, want);
  };
  outputs(reference, by_reference);
  outputs(cpu, by_cpu);
}

}  // namespace
}  // namespace cudet::test
