#include "apps/convert/yaml_model.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "apps/checkpoint/check_runnable.h"
#include "kernels/error.h"
#include "runtime/model/file.h"

namespace cudet::convert::test {
namespace {

using Json = nlohmann::ordered_json;

std::string file(const std::string& name) {
  const std::vector<std::byte> bytes = read_file("tests/data/yaml/" + name);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Json parsed(const ModelTable& table) {
  return Json::parse(to_json(table, ""));
}

/// Returns a valid table with one row, and an additional line before it.
std::string table(const std::string& row, const std::string& line = "") {
  return line + "\nbackbone:\n  - [-1, 1, Conv, [16, 3, 2]]\nhead:\n  - " + row + "\n  - [[0, 1], 1, Detect, [nc]]\n";
}

void expect_refused(const std::string& text, const std::string& why) {
  try {
    check_runnable(read_yaml_model(text, "t.yaml", {}), nullptr, "t.yaml");
    ADD_FAILURE() << "accepted, expected: " << why;
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find(why), std::string::npos) << error.what() << ", expected: " << why;
  }
}

TEST(YamlModel, ReadsTheTableOfTutorials) {
  const ModelTable model = read_yaml_model(file("yolov8-dysample.yaml"), "tests/yolov8-dysample.yaml", {});
  EXPECT_EQ(model.classes, 80);
  EXPECT_EQ(model.scale, "n");
  EXPECT_EQ(model.backbone.size(), 10u);
  EXPECT_EQ(model.head.size(), 13u);
  const Json json = parsed(model);
  EXPECT_EQ(json["scales"]["m"], Json::parse("[0.67, 0.75, 768]"));
  EXPECT_EQ(json["backbone"][2], Json::parse(R"([-1, 3, "C2f", [128, true]])"));
  EXPECT_EQ(json["backbone"][9], Json::parse(R"([-1, 1, "SPPF", [1024, 5]])"));
  EXPECT_EQ(json["head"][0], Json::parse(R"([-1, 1, "DySample", []])"));
  EXPECT_EQ(json["head"][3], Json::parse(R"([-1, 1, "DySample", [2, "lp", 4, false]])"));
  EXPECT_EQ(json["head"][12], Json::parse(R"([[15, 18, 21], 1, "Detect", ["nc"]])"));
  EXPECT_FALSE(json.contains("names"));
  EXPECT_FALSE(json.contains("weights"));
  check_runnable(model, nullptr, "t");
}

TEST(YamlModel, WritesOneRowPerLine) {
  const std::string json = to_json(read_yaml_model(file("yolov8-dysample.yaml"), "y.yaml", {}), "w.safetensors");
  EXPECT_NE(json.find("\n    [[-1, 6], 1, \"Concat\", [1]],\n"), std::string::npos) << json;
  EXPECT_NE(json.find("\"n\": [0.33, 0.25, 1024], "), std::string::npos) << json;
  EXPECT_NE(json.find("\"weights\": \"w.safetensors\"\n}\n"), std::string::npos) << json;
}

TEST(YamlModel, ReadsTheOlderFormat) {
  const ModelTable model = read_yaml_model(file("older.yaml"), "older.yaml", {});
  EXPECT_EQ(model.names, (std::vector<std::string>{"cat", "dog: big"}));
  ASSERT_EQ(model.scales.size(), 1u);
  EXPECT_EQ(model.scales[0].second[1], 0.25);
  const Json json = parsed(model);
  EXPECT_EQ(json["backbone"][1], Json::parse(R"([-1, 1, "Conv", [128, 3, 2]])"));
  EXPECT_EQ(json["backbone"][4], Json::parse(R"([-1, 1, "SPPF", [256, 5, 3, true, {"cv1_act": false}]])"));
  EXPECT_EQ(json["head"][0], Json::parse(R"([-1, 1, "Upsample", [null, 2, "nearest"]])"));
  check_runnable(model, nullptr, "t");
}

TEST(YamlModel, ReadsModulesOfPyTorch) {
  const ModelTable model = read_yaml_model(table("[-1, 1, nn.ConvTranspose2d, [16, 4, 2, 1]]\n"
                                                 "  - [-1, 1, nn.ZeroPad2d, [[0, 1, 0, 1]]]\n"
                                                 "  - [-1, 1, nn.Upsample, [None, 2, bilinear]]"),
                                           "t.yaml", {});
  const Json head = parsed(model)["head"];
  EXPECT_EQ(head[0], Json::parse(R"([-1, 1, "nn.ConvTranspose2d", [16, 4, 2, 1]])"));
  EXPECT_EQ(head[1], Json::parse(R"([-1, 1, "nn.ZeroPad2d", [[0, 1, 0, 1]]])"));
  EXPECT_EQ(head[2], Json::parse(R"([-1, 1, "Upsample", [null, 2, "bilinear"]])"));
  check_runnable(model, nullptr, "t");
}

TEST(YamlModel, ChoosesTheScale) {
  const std::string text = file("yolov8-dysample.yaml");
  EXPECT_EQ(read_yaml_model(text, "a/yolov8s-mine.yaml", {}).scale, "s");
  EXPECT_EQ(read_yaml_model(text, "yolov8s.yaml", {"x", {}}).scale, "x");
  EXPECT_EQ(read_yaml_model(text, "mine.yaml", {}).scale, "n");
  EXPECT_THROW(read_yaml_model(text, "mine.yaml", {"q", {}}), Error);
}

TEST(YamlModel, CountsTheClasses) {
  const std::string row = "[-1, 1, Conv, [16]]";
  EXPECT_EQ(read_yaml_model(table(row), "t.yaml", {}).classes, 80);
  EXPECT_EQ(read_yaml_model(table(row, "nc: 3"), "t.yaml", {}).classes, 3);
  EXPECT_EQ(read_yaml_model(table(row, "nc: 3"), "t.yaml", {"", 7}).classes, 7);
  EXPECT_EQ(read_yaml_model(table(row, "names: [a, b]"), "t.yaml", {}).classes, 2);
  EXPECT_TRUE(read_yaml_model(table(row, "names: [a, b]"), "t.yaml", {"", 7}).names.empty());
  EXPECT_EQ(parsed(read_yaml_model(table(row, "reg_max: 8"), "t.yaml", {}))["head"][1][3], Json::parse(R"(["nc", 8])"));
}

TEST(YamlModel, ReadsActivationsAndInputChannels) {
  const auto read = [](const std::string& settings) {
    return parsed(read_yaml_model(table("[-1, 1, Conv, [16]]", settings), "t.yaml", {}));
  };
  EXPECT_EQ(read("activation: nn.ReLU()")["activation"], "relu");
  EXPECT_EQ(read("activation: torch.nn.LeakyReLU(0.2, inplace=True)")["activation"], "leaky_relu(0.2)");
  EXPECT_EQ(read("activation: nn.LeakyReLU(negative_slope=0.3)")["activation"], "leaky_relu(0.3)");
  EXPECT_EQ(read("ch: 1")["input"]["channels"], 1);
  EXPECT_EQ(read("channels: 4")["input"]["channels"], 4);
  const Json act =
      parsed(read_yaml_model(table("[-1, 1, Conv, [16, 3, 1, None, 1, 1, nn.Hardswish()]]"), "t.yaml", {}));
  EXPECT_EQ(act["head"][0][3][6], "hardswish");
}

TEST(YamlModel, RefusesWhatTheRuntimeCannotRun) {
  expect_refused(table("[-1, 1, Segment, [nc, 32, 256]]"),
                 "head row 0 (Segment): segmentation models are not supported");
  expect_refused(table("[-1, 3, C3k2, [64]]"), "head row 0 (C3k2): YOLO11");
  expect_refused(table("[-1, 1, Mystery, []]"), "head row 0 (Mystery): this module is not supported");
  expect_refused(table("[-1, 1, DySample, [256]]"),
                 "head row 0 (DySample): scale is 256: must be a whole number from 1 to 16");
  expect_refused(table("[-1, 1, DySample, ['lp']]"), "head row 0 (DySample): scale");
  expect_refused(table("[-1, 1, DySample, [256, 2, 'lp']]"), "head row 0 (DySample): ");
  expect_refused(table("[-1, 1, nn.Upsample, [None, 17, nearest]]"), "head row 0 (Upsample): scale is 17: ");
  expect_refused(table("[-1, 1, nn.Upsample, [None, 2, bicubic]]"), "head row 0 (Upsample): mode");
  expect_refused(table("[-1, 1, SPPF, [16, 5, 17]]"), "head row 0 (SPPF): n is 17: ");
  expect_refused(table("[-1, 1, Conv, [16]]", "activation: nn.SELU()"), "activation nn.SELU() is not supported");
  expect_refused(table("[-1, 1, Conv, [16]]", "end2end: True"), "end2end");
  expect_refused(table("[-1, 1, Conv, [16]]", "scales: {n: [1, 2]}"), "scale n must be [depth, width, max channels]");
  expect_refused(table("[-1, 1, Conv, [16]]", "nc: -3"), "\"nc\" must be");
  expect_refused(table("[-1, 1, Conv, [16]]", "reg_max: 1"), "reg_max");
}

TEST(YamlModel, RefusesOtherYaml) {
  expect_refused("", "is not the YAML of a network");
  expect_refused("- 1", "is not the YAML of a network");
  expect_refused("nc: 80", "backbone");
  expect_refused("backbone: [[-1, 1, Conv, [16]]]\nhead: [[-1, 1, Conv, [16]]]", "the last row is not Detect");
  expect_refused("a: [1\nb: 2", "invalid YAML at line");
  expect_refused(table("[-1, 1, Conv]"), "head row 0 (Conv): a row must be");
  expect_refused(table("7"), "head row 0: a row must be");
  expect_refused(table("[-1, 0, Conv, [16]]"), "repeats");
  expect_refused(table("[[], 1, Concat, [1]]"), "from must be");
  expect_refused(table("[x, 1, Conv, [16]]"), "from must be");
  expect_refused(table("[-1, 1, Conv, [{a: 1}]]"), "an argument must be");
  expect_refused(table("[-1, 1, Conv, [[a]]]"), "must hold numbers");
}

TEST(YamlModel, RefusesKeysThatOccurTwiceOrAreNoTexts) {
  const std::string row = "[-1, 1, Conv, [16, 3, 2]]";
  expect_refused(table(row, "? {a: b}\n: c"), "a key is a list or a map");
  expect_refused(table(row, "nc: 2\nnc: 3"), "the key nc occurs twice");
  expect_refused(table(row, "scales: {n: [1, 1, 64], s: [1, 1, 64], n: [1, 2, 64]}"), "the key n occurs twice");
  expect_refused(table(row, "names: {0: a, 1: b, 0: c}"), "the key 0 occurs twice");
}

TEST(YamlModel, RefusesSeveralDocuments) {
  const std::string one = table("[-1, 1, Conv, [16, 3, 2]]");
  expect_refused(one + "--- x\n", "several YAML documents");
  expect_refused("---\n" + one + "---\n" + one, "several YAML documents");
  expect_refused(one + "...\n[", "invalid YAML");
  expect_refused("", "is not the YAML of a network");
}

TEST(YamlModel, RefusesNumbersThatAreWrongOctals) {
  expect_refused(table("[-1, 1, Conv, [[028, 16], 3, 2]]"), "a list as an argument must hold numbers");
  expect_refused(table("[-1, 09, Conv, [16, 3, 2]]"), "repeats must be a whole number");
  expect_refused(table("[-1, 1, Conv, [16, 3, 2]]", "scales: {n: [1, 08, 64]}"), "must be a number above 0");
}

TEST(YamlModel, RefusesScalesThatAreNoMap) {
  expect_refused(table("[-1, 1, Conv, [16, 3, 2]]", "scales: 3"), "scales must be a map");
}

TEST(YamlModel, LimitsSizeAndNesting) {
  expect_refused(std::string(100'000, '['), "nested too deep");
  expect_refused(std::string(2'000'000, ' '), "larger than 1 MB");
  std::string stairs, dashes;
  for (int i = 0; i < 1000; ++i) stairs += std::string(static_cast<std::size_t>(i), ' ') + "a:\n";
  for (int i = 0; i < 100'000; ++i) dashes += "- ";
  expect_refused(stairs, "nested too deep");
  expect_refused(dashes + "x", "nested too deep");
  std::ostringstream doubled;  // each list contains the one before it twice: 2^60 numbers if expanded
  doubled << "a0: &a0 [1]\n";
  for (int i = 1; i < 60; ++i) doubled << "a" << i << ": &a" << i << " [*a" << i - 1 << ", *a" << i - 1 << "]\n";
  expect_refused(table("[-1, 1, Conv, *a59]", doubled.str()), "must hold numbers");
  std::string many = "a: &a [0";
  for (int i = 1; i < 2000; ++i) many += ", 0";
  expect_refused(table("[-1, 1, Conv, [16, *a]]", many + "]"), "a list of more than 16 numbers");
  expect_refused(table("[*a, 1, Concat, [1]]", many + "]"), "more than 1000 inputs");
}

TEST(CheckRunnable, ReturnsTheStride) {
  EXPECT_EQ(check_runnable(read_yaml_model(table("[-1, 1, Conv, [16, 3, 1]]"), "t", {}), nullptr, "t"), 32);
  const std::string text =
      "backbone: [[-1, 1, Conv, [8, 3, 3]]]\nhead: [[-1, 1, Conv, [8, 3, 2]], [[-1, 0], 1, Detect, [nc]]]\n";
  EXPECT_EQ(check_runnable(read_yaml_model(text, "t", {}), nullptr, "t"), 96);
}

TEST(CheckRunnable, NamesTheRow) {
  try {
    check_runnable(read_yaml_model(table("[-1, 1, DySample, [2, lp, 3]]"), "t.yaml", {}), nullptr, "t.yaml");
    FAIL() << "accepted groups that do not divide the channels";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "t.yaml: head row 0 (DySample): groups 3 does not divide 16 channels");
  }
}

}  // namespace
}  // namespace cudet::convert::test
