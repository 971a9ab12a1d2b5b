#include "tests/apps/checkpoint/cases.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "apps/image/decode.h"
#include "runtime/model/file.h"
#include "tests/error_of.h"
#include "tests/shared.h"

namespace cudet::test {
namespace {

constexpr DetectorOptions kCpu{.device = Device::cpu};

class CheckpointCase : public testing::TestWithParam<std::string> {};

TEST_P(CheckpointCase, OutputMatchesReference) {
  const Safetensors outputs = Safetensors::read("tests/data/cases/outputs.safetensors");
  const Model model = load_model("tests/data/cases/" + GetParam() + ".pt");
  const CaseInput input(model.channels());
  expect_output(model, input.frame, *outputs.find(GetParam()), kCpu, 0.05f, 1e-4f);
}

INSTANTIATE_TEST_SUITE_P(Own, CheckpointCase, testing::ValuesIn(case_names()), test_name);

TEST(CheckpointCases, AreRefusedWithTheReason) {
  std::ifstream lines("tests/data/cases/refused.txt");
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    const std::size_t colon = line.find(": ");
    const std::string why = error_of([&] { load_model("tests/data/cases/" + line.substr(0, colon) + ".pt"); });
    EXPECT_NE(why.find(line.substr(colon + 2)), std::string::npos) << line << "\n" << why;
  }
  EXPECT_GE(count, 3);
}

TEST(CheckpointCases, NamesAreThoseThatPythonPrints) {
  EXPECT_EQ(load_model("tests/data/cases/names.pt").names(),
            (std::vector<std::string>{"100", "True", "None", "1.5", "größe", "-7", "1e-05", "2.0", "ok"}));
  EXPECT_EQ(load_model("tests/data/cases/names-keys.pt").names(), (std::vector<std::string>{"a", "b", "c"}));
}

TEST(CheckpointCases, FramesMustHaveTheChannelsOfTheNetwork) {
  const CaseInput three(3), four(4);
  Frame rgba = four.frame;
  rgba.format = PixelFormat::rgba;
  const auto why = [](const char* name, const Frame& frame) {
    return error_of([&] { Detector(load_model(name), kCpu).detect(frame); });
  };
  EXPECT_EQ(why("tests/data/cases/one-channel.pt", three.frame), "the network's input has 1 channel, the frame has 3");
  EXPECT_EQ(why("tests/data/cases/four-channels.pt", three.frame),
            "the network's input has 4 channels, the frame has 3");
  EXPECT_EQ(why("tests/data/cases/four-channels.pt", rgba),
            "the network's input has 4 channels, which a frame of this pixel format does not have");
  EXPECT_EQ(why("tests/data/cases/masks.pt", four.frame), "the network's input has 3 channels, the frame has 4");
}

TEST(CheckpointCases, SharedOnesMatchTheReferenceOrAreRefused) {
  if (const std::string why = why_not_shared("cases/cases.json"); !why.empty()) GTEST_SKIP() << why;
  const nlohmann::json cases = nlohmann::json::parse(std::ifstream(shared_file("cases/cases.json")));
  const Safetensors outputs = Safetensors::read(shared_file("cases/expected.safetensors"));
  EXPECT_GE(cases.size(), 14u);
  for (const auto& [name, expected] : cases.items()) {
    SCOPED_TRACE(name);
    const std::string path = shared_file("cases/" + name + ".pt");
    if (expected.contains("refuse")) {
      EXPECT_NE(error_of([&] { load_model(path); }), "");
      continue;
    }
    const Model model = load_model(path);
    EXPECT_EQ(model.channels(), expected["channels"].get<int>());
    std::vector<std::string> names;
    for (std::size_t i = 0; i < expected["names"].size(); ++i) names.push_back(expected["names"][std::to_string(i)]);
    EXPECT_EQ(model.names(), names);
    const std::string image = shared_file(model.channels() == 1 ? "cases/input-1.png" : "cases/input.png");
    const Image pixels = decode_image(read_file(image), image, 1 << 20, model.channels()).image;
    expect_output(model, pixels.frame(), *outputs.find(name), kCpu, 0.05f, 1e-4f);
  }
}

}  // namespace
}  // namespace cudet::test
