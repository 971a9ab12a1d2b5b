#include "runtime/compile/passes.h"

#include <gtest/gtest.h>

#include "runtime/compile/lowering.h"
#include "runtime/compile/quantize.h"
#include "runtime/model/model.h"
#include "tests/error_of.h"

namespace cudet::test {
namespace {

Program program_of(const Description& description, Extent input) {
  Graph graph = build_graph(description, NoWeights());
  optimise(graph);
  return compile(graph, no_weights(graph), 1, input);
}

template <class Op>
int count(const Program& program) {
  int times = 0;
  for (const Program::NamedStep& named : program.steps) times += std::holds_alternative<Op>(named.step);
  return times;
}

TEST(Passes, YoloV8NeedsNoCopy) {
  for (const char* file : {"weights/yolov8.json", "weights/yolov8-dysample.json"}) {
    const Program program = program_of(read_description(file), {640, 640});
    EXPECT_EQ(count<Copy>(program), 0) << file;
    EXPECT_EQ(count<Conv2d>(program), 63 + count<DySample>(program)) << file;  // with batch norm, SiLU and addition
    EXPECT_EQ(count<MaxPool>(program), 3) << file;
    EXPECT_EQ(count<DetectDecode>(program), 1) << file;
  }
}

TEST(Passes, ResidualAdditionsAreFused) {
  int adds = 0;
  for (const auto& named : program_of(read_description("weights/yolov8.json"), {640, 640}).steps)
    if (const auto* conv = std::get_if<Conv2d>(&named.step)) adds += conv->add;
  EXPECT_EQ(adds, 1 + 2 + 2 + 1);  // bottlenecks of the four C2f in the backbone
}

/// A graph of one row, to which 1x1 convolutions and other operators are added.
struct HandmadeGraph {
  HandmadeGraph() {
    graph.add_value(3);
    graph.rows.push_back({"row", 0});
  }
  ValueId conv(ValueId x) {
    ConvOp op{};
    op.kernel = op.stride = op.dilation = {1, 1};
    op.weight = graph.add_parameter({{8, graph.channels[static_cast<std::size_t>(x)], 1, 1}, {}});
    op.bias = graph.add_parameter({{8}, {}});
    return add(op, {x}, 8);
  }
  ValueId add(const Operator& op, const std::vector<ValueId>& inputs, int channels) {
    return graph.output = graph.add_node(op, inputs, channels, 0, "node" + std::to_string(graph.nodes.size()));
  }
  Program program() {
    optimise(graph);
    return compile(graph, no_weights(graph), 1, {32, 32});
  }
  Graph graph;
};

TEST(Passes, AdditionsAfterOtherReadersOrOperatorsAreSteps) {
  HandmadeGraph shared;  // the later operand is read twice, as the result of a Concat, and the sum is a slice
  const ValueId first = shared.conv(0), second = shared.conv(first), sum = shared.add(AddOp{}, {second, first}, 8);
  shared.add(ConcatOp{}, {sum, second}, 16);
  const Program program = shared.program();
  ASSERT_EQ(program.steps.size(), 3u);
  const Add& add = std::get<Add>(program.steps[2].step);
  EXPECT_EQ(add.a, std::get<Conv2d>(program.steps[1].step).y);
  EXPECT_EQ(add.b, std::get<Conv2d>(program.steps[0].step).y);
  EXPECT_EQ(add.y.pitch, 16);
  EXPECT_EQ(add.y.offset, program.output.offset);
  EXPECT_EQ(error_of([&] { require_quantizable(shared.graph); }), "node2: int8 does not support the operator add");

  HandmadeGraph pooled;  // the later operand is no convolution
  const ValueId x = pooled.conv(0), pool = pooled.add(MaxPoolOp{3, 1, 1}, {x}, 8);
  pooled.add(AddOp{}, {x, pool}, 8);
  EXPECT_EQ(count<Add>(pooled.program()), 1);

  HandmadeGraph doubled;
  const ValueId once = doubled.conv(0);
  doubled.add(AddOp{}, {once, once}, 8);
  EXPECT_EQ(count<Add>(doubled.program()), 1);

  HandmadeGraph twice;  // one sum in the convolution's epilogue, the next one not
  const ValueId a = twice.conv(0), b = twice.conv(a), inner = twice.add(AddOp{}, {a, b}, 8);
  twice.add(AddOp{}, {inner, a}, 8);
  EXPECT_EQ(count<Add>(twice.program()), 1);
}

TEST(Passes, ConcatCopiesOnlyOperandsThatCannotBeSlices) {
  const auto copies = [](const std::string& rows) {
    return count<Copy>(
        program_of(parse_description(R"({"format": "cudet-model", "version": 1, "nc": 1, "backbone": [)" + rows +
                                         R"(], "head": [[-1, 1, "Detect", ["nc"]]]})",
                                     "m.json"),
                   {64, 64}));
  };
  const std::string conv = R"([-1, 1, "Conv", [8]], )";
  EXPECT_EQ(copies(conv + R"([-1, 1, "Conv", [8]], [[-1, 0], 1, "Concat", [1]])"), 0);
  EXPECT_EQ(copies(conv + R"([[-1, -1], 1, "Concat", [1]])"), 1);                         // the same operand twice
  EXPECT_EQ(copies(conv + R"([-1, 1, "Concat", [1]], [[-1, 0], 1, "Concat", [1]])"), 1);  // an operand of two Concats
  EXPECT_EQ(copies(conv + R"([-1, 1, "Concat", [1]], [-1, 1, "Concat", [1]])"), 0);       // a Concat of a Concat
  EXPECT_EQ(copies(R"([-1, 1, "Concat", [1]])"), 1);                                      // the network's input
}

TEST(Passes, DropsRowsThatTheOutputDoesNotNeed) {
  const Program program = program_of(
      parse_description(R"({"format": "cudet-model", "version": 1, "nc": 1, "backbone": [[-1, 1, "Conv", [8]],
          [-1, 5, "C2f", [64, true]], [0, 1, "Conv", [8]]], "head": [[-1, 1, "Detect", ["nc"]]]})",
                        "m.json"),
      {64, 64});
  EXPECT_EQ(count<Conv2d>(program), 2 + 6);
}

}  // namespace
}  // namespace cudet::test
