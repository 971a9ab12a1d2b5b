#include "tests/apps/checkpoint/cases.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "apps/checkpoint/pickle.h"
#include "apps/checkpoint/python_text.h"
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

TEST(CheckpointCases, ValuesBecomeTheTextThatPythonPrints) {
  for (const char* file : {"tests/data/cases/values-2.pickle", "tests/data/cases/values-4.pickle"}) {
    const convert::Pickle pickle(read_file(file));
    std::ifstream lines("tests/data/cases/values.txt");
    std::size_t i = 0;
    for (std::string line; std::getline(lines, line); ++i) {
      ASSERT_LT(i, pickle.root().size());
      EXPECT_EQ(convert::python_text(pickle.root()[i]), line) << file << ", value " << i;
    }
    EXPECT_EQ(i, pickle.root().size());
  }
}

TEST(CheckpointCases, KeysBecomeTheNumbersThatPythonReads) {
  const std::string content = "(S'00'\nS'+2'\nS' 7\t'\nS'+-1'\nS''\nS'-3'\nS'1.0'\nF4\nF4.5\nt.";
  const auto* bytes = reinterpret_cast<const std::byte*>(content.data());
  const convert::Pickle pickle({bytes, bytes + content.size()});
  const std::vector<std::optional<std::int64_t>> expected = {0, 2, 7, {}, {}, -3, {}, 4, {}};
  ASSERT_EQ(pickle.root().size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i)
    EXPECT_EQ(convert::python_integer(pickle.root()[i]), expected[i]) << i;
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
