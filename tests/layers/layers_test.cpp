// Arguments, channels and shapes of every module. An error names its row, in one line.
#include <gtest/gtest.h>

#include "runtime/model/model.h"

namespace cudet::test {
namespace {

/// A description of these backbone rows and, in the head, a Detect of one level.
std::string description(const std::string& rows, const std::string& detect = R"([-1, 1, "Detect", ["nc"]])") {
  return R"({"format": "cudet-model", "version": 1, "nc": 3, "input": {"size": [64, 96]}, "backbone": [)" + rows +
         R"(], "head": [)" + detect + "]}";
}

Graph build(const std::string& text) {
  return build_graph(parse_description(text, "m.json"), NoWeights());
}

std::string error_message(const std::string& text) {
  try {
    build(text);
    return "no error";
  } catch (const Error& error) {
    return error.what();
  }
}

struct BadRows {
  const char* rows;
  const char* message;  // part of the expected error
};

const BadRows kBadRows[] = {
    {R"([-1, 1, "Conv", []])", "backbone row 0 (Conv): out is missing"},
    {R"([-1, 1, "Conv", [0]])", "out is 0: must be a whole number from 1 to 65536"},
    {R"([-1, 1, "Conv", [8.5]])", "out is 8.5"},
    {R"([-1, 1, "Conv", [8, 0]])", "k is 0"},
    {R"([-1, 1, "Conv", [8, [3, 3, 3]]])", "k must be a number or a pair of numbers"},
    {R"([-1, 1, "Conv", [8, 3, -2]])", "s is -2"},
    {R"([-1, 1, "Conv", ["eight"]])", "out must be a number"},
    {R"([-1, 1, "Conv", [8, 1, 1, 0, 2]])", "groups 2 does not divide 3 input channels"},
    {R"([-1, 1, "Conv", [8, 1, 1, 0, 3]])", "groups 3 does not divide 8 output channels"},
    {R"([-1, 1, "Conv", [8, 1, 1, 0, 1, 1, 1]])", "act must be true or false"},
    {R"([-1, 1, "Conv", [8, 1, 1, 0, 1, 1, true, 5]])", "8 arguments, at most 7 are allowed"},
    {R"([-1, 1, "Conv", [8, {"out": 9}]])", "out is given twice"},
    {R"([-1, 1, "Conv", {"width": 9}])", "unknown argument \"width\""},
    {R"([-1, 1, "Conv", [8, 64, 64, 0]], [-1, 1, "Conv", [8, 64, 64, 0]])", "backbone row 1 (Conv): nothing is left"},
    {R"([-1, 2, "Conv", [8]], [[0, -1], 1, "Conv", [8]])", "backbone row 1 (Conv): takes one input, not 2"},
    {R"([-1, 1, "C2f", [8, 1]])", "shortcut must be true or false"},
    {R"([-1, 1, "C2f", [1]])", "e leaves no channels of 1"},
    {R"([-1, 1, "C2f", [8, true, 3]])", "groups 3 does not divide 4 input channels"},
    {R"([-1, 1, "SPPF", [8, 4]])", "k is 4: an odd kernel"},
    {R"([-1, 1, "Conv", [1]], [-1, 1, "SPPF", [8]])", "needs at least 2 input channels"},
    {R"([-1, 1, "Conv", [8, 3, 2]], [-1, 1, "Conv", [8, 3, 2]], [[0, 1], 1, "Concat", [1]])",
     "backbone row 2 (Concat): operands of 512x512 and 256x256 pixels do not fit"},
    {R"([-1, 1, "Concat", [2]])", "dimension 2 is not supported"},
    {R"([-1, 1, "nn.Upsample", [null, 2, "bicubic"]])", "backbone row 0 (nn.Upsample): mode \"bicubic\""},
    {R"([-1, 1, "Upsample", [null, 2, "nearest", true]])", "align_corners needs mode \"bilinear\""},
    {R"([-1, 1, "Upsample", [[64, 64]]])", "a fixed size is not supported"},
    {R"([-1, 1, "Upsample", [null, 1.5]])", "scale is 1.5"},
    {R"([-1, 1, "nn.ZeroPad2d", []])", "backbone row 0 (nn.ZeroPad2d): padding is missing"},
    {R"([-1, 1, "nn.ZeroPad2d", [[1, 2]]])", "padding must be a number or a list of 4 numbers"},
    {R"([-1, 1, "nn.ZeroPad2d", [[0, 1, 0, -1]]])", "padding is -1"},
    {R"([-1, 1, "nn.ConvTranspose2d", [8]])", "backbone row 0 (nn.ConvTranspose2d): k is missing"},
    {R"([-1, 1, "nn.ConvTranspose2d", [8, 2, 2, 0, 2]])", "output_padding must be smaller than s or dilation"},
    {R"([-1, 1, "nn.ConvTranspose2d", [8, 2, 2, 0, 0, 2]])", "groups 2 does not divide 3 input and 8 output channels"},
    {R"([-1, 1, "nn.ConvTranspose2d", [8, 2, 2, 0, 0, 1, 1]])", "bias must be true or false"},
    {R"([-1, 1, "nn.ConvTranspose2d", [8, 1, 1, 1]], [-1, 9, "nn.ConvTranspose2d", [8, 1, 1, 256]])",
     "nothing is left"},
    {R"([-1, 1, "DySample", [2, "lp", 2]])", "backbone row 0 (DySample): groups 2 does not divide 3 channels"},
    {R"([-1, 1, "DySample", [2, "xx", 1]])", "style \"xx\" is not supported"},
    {R"([-1, 1, "DySample", [2, "pl", 1]])", "scale² 4 does not divide 3 channels"},
    {R"([-1, 1, "DySample", [0]])", "scale is 0"},
    {R"([-1, 1, "Segment", [32]])", "backbone row 0 (Segment): unknown module \"Segment\""},
    {R"([-1, 1, "Detect", ["nc"]])", "backbone row 0 (Detect): must be the last row"},
    {R"([1, 1, "Conv", [8]])", "backbone row 0 (Conv): from 1 is not an earlier row"},
    {R"([-1, 1, "Conv", [8]], [-3, 1, "Conv", [8]])", "backbone row 1 (Conv): from -3 is not an earlier row"},
    {R"([-1, 1, "Conv", [8]], [-2, 1, "Conv", [8]])", "from -2 is before the first row"},
    {R"([[], 1, "Concat", [1]])", "from is empty"},
    {R"([0.5, 1, "Conv", [8]])", "from must be a whole number"},
    {R"([-1, 0, "Conv", [8]])", "repeats must be a whole number from 1"},
    {R"([-1, 1, "Conv"])", "backbone row 0 (Conv): a row must be [from, repeats, module, arguments]"},
    {R"([-1, 1, 7, [8]])", "backbone row 0: the module must be a string"},
    {R"([-1, 1, "Conv", 8])", "the arguments must be a list or an object"},
    {R"([-1, 1, "Conv", [{"k": 1}, 8]])", "an object may only be the last argument"},
};

class BadRow : public testing::TestWithParam<BadRows> {};

TEST_P(BadRow, ErrorNamesTheRowInOneLine) {
  const std::string message = error_message(description(GetParam().rows));
  EXPECT_NE(message.find(GetParam().message), std::string::npos) << message;
  EXPECT_EQ(message.rfind("m.json: ", 0), 0u) << message;
  EXPECT_EQ(message.find('\n'), std::string::npos) << message;
}
INSTANTIATE_TEST_SUITE_P(Rows, BadRow, testing::ValuesIn(kBadRows));

const BadRows kBadDetects[] = {
    {R"([-1, 1, "Detect", [4]])", "head row 0 (Detect): nc is 4, but the model has 3 classes"},
    {R"([-1, 1, "Detect", ["nc", 1]])", "reg_max is 1"},
    {R"([[0, 0, 0, 0, 0, 0, 0, 0, 0], 1, "Detect", ["nc"]])", "at most 8 levels"},
    {R"([-1, 1, "Conv", [8]])", "head row 0 (Conv): the last row must be Detect"},
    {R"([-1, 2, "Detect", ["nc"]])", "head row 0 (Detect): cannot be repeated"},
};

TEST(Detect, ErrorNamesTheRow) {
  for (const BadRows& bad : kBadDetects) {
    const std::string message = error_message(description(R"([-1, 1, "Conv", [8, 3, 2]])", bad.rows));
    EXPECT_NE(message.find(bad.message), std::string::npos) << message;
  }
}

TEST(Layers, InferChannelsAndExtents) {
  const Graph graph = build(description(R"([-1, 1, "Conv", [8, [3, 5], [2, 1], null, 1, [1, 2]]],
      [-1, 2, "C2f", [16, true]], [-1, 1, "SPPF", [12]], [-1, 1, "DySample", {"scale": 3}], [[-1, 3], 1, "Concat", []],
      [-1, 1, "Upsample", []], [-1, 1, "Conv", [8, 6, 6, 0]])"));
  const std::vector<Extent> extents = infer_extents(graph, {64, 96});
  const std::vector<std::array<int, 3>> want = {{8, 32, 96},   {16, 32, 96},   {12, 32, 96}, {12, 96, 288},
                                                {24, 96, 288}, {24, 192, 576}, {8, 32, 96},  {7, 1, 32 * 96}};
  ASSERT_EQ(graph.rows.size(), want.size());
  for (std::size_t row = 0; row < want.size(); ++row) {
    const std::size_t v = static_cast<std::size_t>(graph.rows[row].output);
    EXPECT_EQ((std::array{graph.channels[v], extents[v].h, extents[v].w}), want[row]) << "row " << row;
  }
}

TEST(Layers, InferPaddedAndResizedExtents) {
  const Graph graph = build(description(R"([-1, 1, "nn.ZeroPad2d", [[0, 1, 2, 3]]], [-1, 1, "nn.ZeroPad2d", [1]],
      [-1, 1, "Conv", [8, [8, 4], 1, 0]], [-1, 1, "nn.Upsample", [null, 3, "bilinear", {"align_corners": true}]],
      [-1, 1, "nn.ConvTranspose2d", [12, 2, 2]],
      [-1, 1, "nn.ConvTranspose2d", [8, [3, 4], [2, 1], [1, 0], [1, 0], 4, false, [1, 2]]],
      [-1, 1, "Conv", [8, [1, 7], 1, 0]])"));
  const std::vector<Extent> extents = infer_extents(graph, {64, 96});
  const std::vector<std::array<int, 3>> want = {{3, 69, 97},   {3, 71, 99},    {8, 64, 96},
                                                {8, 192, 288}, {12, 384, 576}, {8, 768, 582}};
  for (std::size_t row = 0; row < want.size(); ++row) {
    const std::size_t v = static_cast<std::size_t>(graph.rows[row].output);
    EXPECT_EQ((std::array{graph.channels[v], extents[v].h, extents[v].w}), want[row]) << "row " << row;
  }
}

TEST(Layers, CountDySampleParameters) {
  const auto parameters = [](const std::string& arguments) {
    return build(description(R"([-1, 1, "Conv", [64]], [-1, 1, "DySample", )" + arguments + "]")).rows[1].parameters;
  };
  EXPECT_EQ(parameters("[]"), 2u * 4 * 4 * 64 + 2 * 4 * 4);                           // as nn.Conv2d(C, 2Gs², 1)
  EXPECT_EQ(parameters(R"([2, "lp", 4, true])"), 2u * (2 * 4 * 4 * 64) + 2 * 4 * 4);  // the scope has no bias
  EXPECT_EQ(parameters(R"([2, "pl", 4])"), 2u * 4 * 16 + 2 * 4);                      // nn.Conv2d(C/s², 2G, 1)
}

TEST(Scaling, RoundsAsUltralyticsDoes) {
  const Scaling n{0.33, 0.25, 1024, false}, half{0.5, 1, 1e9, false};
  EXPECT_EQ(n.channels(64), 16);
  EXPECT_EQ(n.channels(2048), 256);
  EXPECT_EQ(n.channels(36), 16);  // 9, rounded up to a multiple of 8
  EXPECT_EQ(n.repeats(1), 1);
  EXPECT_EQ(n.repeats(3), 1);
  EXPECT_EQ(n.repeats(6), 2);
  EXPECT_EQ(half.repeats(5), 2);  // ties round to even
  EXPECT_EQ(half.repeats(3), 2);
  EXPECT_EQ(Scaling{}.channels(37), 37);
}

}  // namespace
}  // namespace cudet::test
