// Models on 8-bit integers: made by convert, run by the CPU.
#include "apps/convert/int8.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "apps/convert/command.h"
#include "apps/files/write_safetensors.h"
#include "apps/image/stb.h"
#include "runtime/executor.h"
#include "runtime/model.h"
#include "runtime/quantize.h"
#include "tests/apps/command.h"
#include "tests/runtime/network.h"
#include "tests/runtime/pictures.h"
#include "tests/temporary.h"

namespace cudet::convert::test {
namespace {

namespace fs = std::filesystem;
using cudet::test::error_of;
using cudet::test::Outcome;
using cudet::test::Picture;
using cudet::test::TemporaryFolder;

/// A folder with pictures of noise.
struct Pictures {
  Pictures() {
    for (unsigned seed = 1; seed <= 3; ++seed) {
      Image image(60, 44 + static_cast<int>(seed));
      const Picture noise(image.width, image.height, seed);
      std::copy(noise.pixels.begin(), noise.pixels.end(), image.pixels.get());
      const std::vector<std::byte> png = encode_png(image);
      std::ofstream(folder.file("p" + std::to_string(seed) + ".PNG"), std::ios::binary)
          .write(reinterpret_cast<const char*>(png.data()), static_cast<std::streamsize>(png.size()));
    }
    std::ofstream(folder.file("notes.txt")) << "no picture";
  }
  std::string path() const { return folder.path().string(); }
  TemporaryFolder folder;
};

/// The int8 model of a tiny one.
std::string make_int8(const std::string& name, const Pictures& pictures, const TemporaryFolder& to) {
  const Outcome outcome = cudet::test::run_command(
      command, "convert", {"tests/data/tiny/" + name + ".json", "--int8", pictures.path(), "-o", to.file(name)});
  EXPECT_EQ(outcome.status, 0) << outcome.error;
  EXPECT_NE(outcome.out.find("int8, ranges from 3 pictures"), std::string::npos) << outcome.out;
  return to.file(name + ".json");
}

RawOutput raw_output(const std::string& model, const DetectorOptions& options, const Frame& frame) {
  std::vector<RawOutput> raw;
  Detector(Model::load(model), options).detect(std::vector{frame}, {}, &raw);
  return raw.at(0);
}

const std::vector<std::string> kTiny = {"plain", "dysample", "dysample_pl", "folded",
                                        "odd",   "stride12", "three_levels"};

class Int8Test : public testing::TestWithParam<std::string> {};

TEST_P(Int8Test, RunsNearlyAsInFloatingPoint) {
  const Pictures pictures;
  const TemporaryFolder folder;
  const std::string plain = "tests/data/tiny/" + GetParam() + ".json", int8 = make_int8(GetParam(), pictures, folder);
  const Picture picture(60, 44, 9);
  const DetectorOptions cpu{.device = Device::cpu};
  DetectorOptions floats = cpu;
  floats.precision = Precision::fp32;
  EXPECT_EQ(Detector(Model::load(int8), cpu).precision(), Precision::int8);
  EXPECT_EQ(Detector(Model::load(plain), cpu).precision(), Precision::fp32);
  const RawOutput want = raw_output(plain, floats, picture.frame);
  const RawOutput rounded = raw_output(int8, floats, picture.frame);  // weights of 8 bits alone
  const RawOutput got = raw_output(int8, cpu, picture.frame);
  ASSERT_EQ(got.values.size(), want.values.size());
  EXPECT_EQ(got.pixels, want.pixels);
  EXPECT_NE(got.values, rounded.values);
  const auto far = [&](const RawOutput& a) {
    return cudet::test::raw_difference(a.values, want.values, static_cast<std::size_t>(want.anchors));
  };
  EXPECT_LT(far(rounded).box, 1.5);
  EXPECT_LT(far(rounded).score, 0.02);
  EXPECT_LT(far(got).box, 4);
  EXPECT_LT(far(got).score, 0.06);
}

// Every kernel in its place, against the plainest loops.
TEST_P(Int8Test, NetworkIsAsTheReferenceInAnyNumberOfThreads) {
  const Pictures pictures;
  const TemporaryFolder folder;
  const Model model = Model::load(make_int8(GetParam(), pictures, folder));
  const Graph graph = model.impl().graph_with_values();
  const Extent size{2 * model.stride(), 3 * model.stride()};
  const auto output = [&](const PackedWeights& weights, int threads) {
    const Program program = compile(graph, weights, 2, size, false, {Type::u8});
    const Buffer arena(program.memory.bytes);
    std::memset(arena.data(), 0xff, arena.bytes());
    const Memory memory{arena.data(), weights.bytes.data()};
    std::mt19937 random(3);
    auto* x = arena_data<std::uint8_t>(memory, program.input);
    for (std::size_t i = 0; i < program.input.pixel(2, 0, 0); ++i) x[i] = static_cast<std::uint8_t>(random());
    if (threads > 0)
      CpuExecutor(threads).run(program, memory);
    else
      run_reference(program, memory);
    const float* y = arena_data<float>(memory, program.output);
    return std::vector<float>(y, y + program.output.pixel(2, 0, 0));
  };
  const PackedWeights packed = pack_for_cpu(graph, Type::u8);
  const std::vector<float> want = output(pack_for_reference(graph), 0), got = output(packed, 1);
  EXPECT_EQ(output(packed, 3), got);
  double worst = 0;
  for (std::size_t i = 0; i < want.size(); ++i)
    worst = std::max(worst, std::abs(static_cast<double>(got[i]) - want[i]));
  EXPECT_LT(worst, 2.5);
}

INSTANTIATE_TEST_SUITE_P(Tiny, Int8Test, testing::ValuesIn(kTiny));

TEST(Int8, WeightsAreOfEightBitsBesideTheirScales) {
  const Pictures pictures;
  const TemporaryFolder folder;
  make_int8("plain", pictures, folder);
  const Safetensors file = Safetensors::read(folder.file("plain.safetensors"));
  const StoredTensor *weight = file.find("model.0.conv.weight"), *scale = file.find("model.0.conv.weight_scale");
  ASSERT_TRUE(weight && scale && file.find("model.0.conv.bias") && file.find("model.0.output_range"));
  EXPECT_EQ(weight->dtype, Dtype::i8);
  EXPECT_EQ(file.find("model.0.bn.weight"), nullptr);
  const std::vector<float> values = weight->to_f32();
  const std::size_t channels = scale->elements(), depth = values.size() / channels;
  for (std::size_t k = 0; k < channels; ++k) {
    float most = 0;
    for (std::size_t i = 0; i < depth; ++i) most = std::max(most, std::abs(values[k * depth + i]));
    EXPECT_EQ(most, 127) << k;
  }
  std::ifstream json(folder.file("plain.json"));
  const Description description = read_description(folder.file("plain.json"));
  EXPECT_EQ(fs::path(description.weights).filename(), "plain.safetensors");
  EXPECT_EQ(description.rows.size(), read_description("tests/data/tiny/plain.json").rows.size());
}

TEST(Int8, SaysInOneLineWhatIsWrong) {
  const Pictures pictures;
  const TemporaryFolder folder, empty;
  const std::string plain = "tests/data/tiny/plain.json", int8 = make_int8("plain", pictures, folder);
  const std::string out = folder.file("out");
  std::ofstream(empty.file("broken.jpg")) << "no picture";
  struct Refusal {
    std::vector<std::string> arguments;
    std::string why;
  };
  const TemporaryFolder none;
  for (const auto& [arguments, why] :
       {Refusal{{int8, "--int8", pictures.path(), "-o", out}, "quantised already"},
        {{plain, "--int8", none.path().string(), "-o", out}, "no pictures"},
        {{plain, "--int8", "nowhere", "-o", out}, "nowhere: "},
        {{plain, "--int8", empty.path().string(), "-o", out}, "broken.jpg"},
        {{plain, "--int8", pictures.path(), "-o", out, "--imgsz", "64"}, "--imgsz"},
        {{plain, "-o", out}, "--int8 PICTURES"},
        {{"tests/data/pt/plain.pt", "--int8", pictures.path(), "-o", out}, "plain.pt"},
        {{folder.file("plain.json"), "--int8", pictures.path(), "-o", folder.file("plain")}, "plain.json"}}) {
    const Outcome outcome = cudet::test::run_command(command, "convert", arguments);
    EXPECT_EQ(outcome.status, 2) << why;
    EXPECT_NE(outcome.error.find(why), std::string::npos) << outcome.error << ", expected: " << why;
    EXPECT_EQ(std::count(outcome.error.begin(), outcome.error.end(), '\n'), 1) << outcome.error;
  }
  EXPECT_FALSE(fs::exists(out + ".json"));
  EXPECT_FALSE(fs::exists(out + ".safetensors"));
}

TEST(Int8, RangesThatAreMissingOrNoneAreErrors) {
  const Pictures pictures;
  const TemporaryFolder folder;
  const std::string json = make_int8("plain", pictures, folder), path = folder.file("plain.safetensors");
  const Safetensors file = Safetensors::read(path);
  const std::string range = range_name("model.0"), other = folder.file("other.safetensors");
  const auto with = [&](const char* what, std::vector<float> values) {
    std::map<std::string, StoredTensor> tensors = file.tensors();
    tensors.erase(what);
    if (!values.empty())
      tensors[what] = {Dtype::f32, {static_cast<std::int64_t>(values.size())}, std::as_bytes(std::span(values))};
    write_safetensors(other, tensors);
    return error_of([&] { Model::load(json, other); });
  };
  EXPECT_EQ(with("model.0.output_range", {-1, 1}), "no error");
  EXPECT_NE(with("model.0.output_range", {}).find("model.0.output_range is missing"), std::string::npos);
  EXPECT_NE(with("model.0.output_range", {1, -1}).find("is no range"), std::string::npos);
  EXPECT_NE(with("model.0.output_range", {0, INFINITY}).find("is no range"), std::string::npos);
  EXPECT_NE(with("model.0.output_range", {1}).find("has shape"), std::string::npos);
  EXPECT_NE(with("model.0.conv.weight_scale", {}).find("model.0.conv.weight_scale is missing"), std::string::npos);
}

TEST(Int8, OnlyQuantisedModelsOnTheCpuRunIt) {
  const Pictures pictures;
  const TemporaryFolder folder;
  const std::string int8 = make_int8("plain", pictures, folder);
  const auto with = [](const std::string& model, Device device, Precision precision) {
    return error_of([&] { Detector(Model::load(model), {.device = device, .precision = precision}); });
  };
  const std::string plain = "tests/data/tiny/plain.json";
  EXPECT_NE(with(plain, Device::cpu, Precision::int8).find("was not quantised"), std::string::npos);
  EXPECT_NE(with(int8, Device::cuda, Precision::int8).find("precision int8"), std::string::npos);
  EXPECT_EQ(with(int8, Device::automatic, Precision::int8), "no error");
  EXPECT_EQ(with(int8, Device::cpu, Precision::fp32), "no error");
}

}  // namespace
}  // namespace cudet::convert::test
