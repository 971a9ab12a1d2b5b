#include "runtime/compile/passes.h"

#include <gtest/gtest.h>

#include "runtime/compile/lowering.h"
#include "runtime/model/model.h"

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
