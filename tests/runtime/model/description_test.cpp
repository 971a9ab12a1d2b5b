#include "runtime/model/description.h"

#include <gtest/gtest.h>

#include "runtime/model/model.h"
#include "tests/runtime/allocations.h"

namespace cudet::test {
namespace {

const std::string kTable = R"("backbone": [[-1, 1, "Conv", [8]]], "head": [[-1, 1, "Detect", ["nc"]]]})";
const std::string kHead = R"({"format": "cudet-model", "version": 1, )";

std::string error_of(const std::string& text, const std::string& scale = "") {
  try {
    parse_description(text, "dir/m.json", scale);
    return "no error";
  } catch (const Error& error) {
    return error.what();
  }
}

TEST(Description, ReadsAllKeys) {
  const Description d = parse_description(
      kHead + R"("nc": 2, "names": ["a", "b"], "scale": "s", "scales": {"n": [0.33, 0.25, 1024], "s": [0.33, 0.5, 512]},
                 "bn_eps": 1e-5, "input": {"size": [320, 480]}, "weights": "w.safetensors", )" +
          kTable,
      "dir/m.json");
  EXPECT_EQ(d.names, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(d.scale, "s");
  EXPECT_EQ(d.scaling.width, 0.5);
  EXPECT_EQ(d.scaling.max_channels, 512);
  EXPECT_EQ(d.bn_eps, 1e-5);
  EXPECT_EQ(d.input, (Size{320, 480}));
  EXPECT_EQ(d.weights, "dir/w.safetensors");
  ASSERT_EQ(d.rows.size(), 2u);
  EXPECT_EQ(d.rows[0].from, std::vector<int>{kNone});
  EXPECT_EQ(d.rows[1].from, std::vector<int>{0});
  EXPECT_EQ(d.rows[1].label, "head row 0 (Detect)");
}

TEST(Description, FillsInDefaults) {
  const Description d = parse_description(kHead + R"("nc": 2, )" + kTable, "m.json");
  EXPECT_EQ(d.names, (std::vector<std::string>{"0", "1"}));
  EXPECT_TRUE(d.scaling.literal);
  EXPECT_EQ(d.bn_eps, 1e-3);
  EXPECT_EQ(d.input, (Size{640, 640}));
  EXPECT_TRUE(d.weights.empty());
}

TEST(Description, ReadsActivationsAndInputChannels) {
  const Description d =
      parse_description(kHead + R"json("nc": 2, "activation": "leaky_relu(0.1)", "activations": {"model.0": "relu"},
                     "input": {"size": [32, 64], "channels": 4}, )json" +
                            kTable,
                        "m.json");
  EXPECT_EQ(d.activations.find("model.1", true), (ActivationFunction{Activation::leaky_relu, 0.1f}));
  EXPECT_EQ(d.activations.find("model.1", false).kind, Activation::none);
  EXPECT_EQ(d.activations.find("model.0", true).kind, Activation::relu);
  EXPECT_EQ(d.channels, 4);
  EXPECT_EQ(build_graph(d, NoWeights()).channels[0], 4);
  const auto error = [&](const std::string& key) { return error_of(kHead + R"("nc": 2, )" + key + ", " + kTable); };
  EXPECT_EQ(error(R"("activation": "selu")"), "dir/m.json: activation selu is not supported");
  EXPECT_EQ(error(R"("activation": 1)"), "dir/m.json: \"activation\" must be a string");
  EXPECT_EQ(error(R"("activations": [])"), "dir/m.json: \"activations\" must be an object");
  EXPECT_NE(error(R"("input": {"size": [32, 32], "channels": 0})").find("the input's channels"), std::string::npos);
  const Description unknown =
      parse_description(kHead + R"("nc": 2, "activations": {"model.0.cv_1": "relu"}, )" + kTable, "m.json");
  try {
    build_graph(unknown, NoWeights());
    ADD_FAILURE() << "accepted";
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "m.json: \"activations\" names model.0.cv_1, which is not a Conv of the network");
  }
}

TEST(Description, ScaleCanBeChosen) {
  const std::string text = kHead + R"("nc": 2, "scales": {"n": [0.33, 0.25, 1024], "x": [1, 1.25, 512]}, )" + kTable;
  EXPECT_EQ(parse_description(text, "m.json", "x").scaling.width, 1.25);
  EXPECT_NE(error_of(text, "q").find("scale \"q\" is not in \"scales\""), std::string::npos);
  EXPECT_NE(error_of(text).find("\"scale\" is missing"), std::string::npos);
  EXPECT_NE(error_of(kHead + R"("nc": 2, )" + kTable, "n").find("has no \"scales\""), std::string::npos);
}

TEST(Description, RejectsInvalidDescriptionsInOneLine) {
  const std::pair<std::string, const char*> cases[] = {
      {"", "not JSON: error at byte"},
      {std::string("PK\x03\x04\0\0", 6), "not JSON but a PyTorch checkpoint: give it as .pt"},
      {"\x80\x02\x8a\x0al", "not JSON but a PyTorch checkpoint"},
      {"{\"format\": ", "not JSON: error at byte"},
      {std::string(100000, '['), "nested deeper than 16 levels"},
      {"[" + std::string(100000, '9') + "]", "not JSON"},
      {"7", "must be a JSON object"},
      {R"({"format": "onnx"})", "\"format\" must be"},
      {R"({"format": "cudet-model", "version": 2})", "only version 1"},
      {kHead + kTable, "\"nc\" is missing"},
      {kHead + R"("nc": 0, )" + kTable, "\"nc\" must be a whole number from 1"},
      {kHead + R"("nc": 1e300, )" + kTable, "\"nc\" must be"},
      {kHead + R"("nc": "2", )" + kTable, "\"nc\" must be"},
      {kHead + R"("nc": 2, "names": ["a"], )" + kTable, "\"names\" must be a list of nc = 2 names"},
      {kHead + R"("nc": 1, "names": [7], )" + kTable, "\"names\" must be strings"},
      {kHead + R"("nc": 1, "names": [")" + std::string(4097, 'n') + R"("], )" + kTable,
       "the name of class 0 has 4097 bytes, at most 4096 are allowed"},
      {kHead + R"("nc": 1, "scale": "n", "scales": {"n": [0.33, -1, 1024]}, )" + kTable,
       "[depth, width, max channels]"},
      {kHead + R"("nc": 1, "scale": "n", "scales": [], )" + kTable, "\"scales\" must be an object"},
      {kHead + R"("nc": 1, "bn_eps": -1, )" + kTable, "\"bn_eps\""},
      {kHead + R"("nc": 1, "input": {"size": [0, 640]}, )" + kTable, "the input's height"},
      {kHead + R"("nc": 1, "input": {}, )" + kTable, "\"size\" is missing"},
      {kHead + R"("nc": 1, "weights": 5, )" + kTable, "\"weights\" must be a string"},
      {kHead + R"("nc": 1, "backbone": []})", "\"head\" is missing"},
      {kHead + R"("nc": 1, "backbone": 3, "head": []})", "\"backbone\" must be a list of rows"},
  };
  for (const auto& [text, part] : cases) {
    const std::string message = error_of(text);
    EXPECT_NE(message.find(part), std::string::npos) << message.substr(0, 200) << "\nexpected: " << part;
    EXPECT_EQ(message.rfind("dir/m.json: ", 0), 0u) << message.substr(0, 200);
    EXPECT_EQ(message.find('\n'), std::string::npos);
  }
}

TEST(Description, BecomesAGraphOrAnErrorIfAnAllocationFails) {
  const std::string text = kHead + R"("nc": 2, "names": ["a circle with a long name", "b"], "activations": {},
      "scale": "n", "scales": {"n": [0.33, 0.25, 1024]}, "input": {"size": [64, 64]},
      "backbone": [[-1, 1, "Conv", [8, [3, 3], 2]], [-1, 1, "SPP", {"out": 16, "k": [5, 9, 13]}],
                   [-1, 1, "Conv", [8, 3, 2]], [-1, 1, "Upsample", ["None", 2, "nearest"]]],
      "head": [[[-1, 1], 1, "Concat", [1]], [-1, 1, "Detect", ["nc"]]]})";
  const auto act = [&] { build_graph(parse_description(text, "m.json"), NoWeights()); };
  EXPECT_NO_THROW(act());
  EXPECT_GT(fail_each_allocation(act), 100u);
}

TEST(Description, RejectsPathsThatAreNotFiles) {
  EXPECT_THROW(read_description("tests/data/none.json"), Error);
  EXPECT_THROW(read_description("tests/data"), Error);
}

}  // namespace
}  // namespace cudet::test
