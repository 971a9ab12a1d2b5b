// Tests of quantised models: written by convert, run on the CPU.
#include "apps/convert/int8.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>

#include "apps/checkpoint/model_table.h"
#include "apps/convert/command.h"
#include "apps/files/write_safetensors.h"
#include "apps/image/decode.h"
#include "apps/image/encode.h"
#include "runtime/compile/lowering.h"
#include "runtime/compile/quantize.h"
#include "runtime/cpu/executor.h"
#include "runtime/model/file.h"
#include "runtime/model/model.h"
#include "tests/apps/command.h"
#include "tests/runtime/pictures.h"
#include "tests/temporary.h"

namespace cudet::convert::test {
namespace {

namespace fs = std::filesystem;
using cudet::test::error_of;
using cudet::test::Outcome;
using cudet::test::Picture;
using cudet::test::TemporaryFolder;

/// A folder with three images of noise.
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
    std::ofstream(folder.file("notes.txt")) << "not an image";
  }
  std::string path() const { return folder.path().string(); }
  TemporaryFolder folder;
};

/// Quantises a model of tests/data/tiny. Returns the path of the result.
std::string make_int8(const std::string& name, const Pictures& pictures, const TemporaryFolder& to) {
  const Outcome outcome = cudet::test::run_command(
      command, "convert", {"tests/data/tiny/" + name + ".json", "--int8", pictures.path(), "-o", to.file(name)});
  EXPECT_EQ(outcome.status, 0) << outcome.error;
  EXPECT_NE(outcome.out.find("int8, ranges from 3 images"), std::string::npos) << outcome.out;
  return to.file(name + ".json");
}

RawOutput raw_output(const std::string& model, const DetectorOptions& options, const Frame& frame) {
  std::vector<RawOutput> raw;
  Detector(Model::load(model), options).detect(std::vector{frame}, {}, &raw);
  return raw.at(0);
}

/// Mean absolute difference over box coordinates (pixels) and scores.
double mean_difference(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += std::abs(static_cast<double>(a[i]) - b[i]);
  return sum / static_cast<double>(a.size());
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
  const RawOutput rounded = raw_output(int8, floats, picture.frame);  // quantised weights, float activations
  const RawOutput got = raw_output(int8, cpu, picture.frame);
  ASSERT_EQ(got.values.size(), want.values.size());
  EXPECT_EQ(got.pixels, want.pixels);
  EXPECT_NE(got.values, rounded.values);
  // The weights are random, so a rounding error can move the box of a single anchor far. Compare means.
  EXPECT_LT(mean_difference(rounded.values, want.values), 0.5);
  EXPECT_LT(mean_difference(got.values, want.values), 1.2);
}

/// A quantised network with a batch of noise as its input.
class Int8Network {
 public:
  Int8Network(const Model& model, const Graph& graph, PackedWeights weights)
      : weights_(std::move(weights)),
        program(compile(graph, weights_, 2, {2 * model.stride(), 3 * model.stride()}, false, {Type::u8})),
        arena(program.memory.bytes) {
    std::memset(arena.data(), 0xff, arena.bytes());
    std::mt19937 random(3);
    auto* x = arena_data<std::uint8_t>(memory(), program.input);
    for (std::size_t i = 0; i < program.input.pixel(2, 0, 0); ++i) x[i] = static_cast<std::uint8_t>(random());
  }
  Memory memory() const { return {arena.data(), weights_.bytes.data()}; }
  std::vector<float> output() const {
    const float* y = arena_data<float>(memory(), program.output);
    return {y, y + program.output.pixel(2, 0, 0)};
  }

 private:
  PackedWeights weights_;

 public:
  Program program;
  Buffer arena;
};

TEST_P(Int8Test, IsTheSameForAnyNumberOfThreads) {
  const Pictures pictures;
  const TemporaryFolder folder;
  const Model model = Model::load(make_int8(GetParam(), pictures, folder));
  const Graph& graph = model.impl().graph;
  const auto output = [&](int threads) {
    Int8Network network(model, graph, pack_for_cpu(graph, Type::u8));
    CpuExecutor(threads).run(network.program, network.memory());
    return network.output();
  };
  EXPECT_EQ(output(3), output(1));
}

// The reference runs each step on the results of the CPU's kernels for the steps before it, so rounding errors do not
// accumulate.
TEST_P(Int8Test, EachStepMatchesTheReference) {
  const Pictures pictures;
  const TemporaryFolder folder;
  const Model model = Model::load(make_int8(GetParam(), pictures, folder));
  const Graph& graph = model.impl().graph;
  const Int8Network cpu(model, graph, pack_for_cpu(graph, Type::u8)), plain(model, graph, pack_for_reference(graph));
  CpuExecutor executor(2);
  int convolutions = 0;
  for (std::size_t i = 0; i < cpu.program.steps.size(); ++i) {
    std::memcpy(plain.arena.data(), cpu.arena.data(), cpu.arena.bytes());
    executor.run(cpu.program.steps[i].step, cpu.program.steps[i].plan, cpu.memory());
    const Program::NamedStep& named = plain.program.steps[i];
    run_reference_step(named.step, plain.memory());
    const auto* conv = std::get_if<Conv2dInt8>(&named.step);
    if (!conv || conv->conv.y.type != Type::u8) continue;
    ++convolutions;
    const Tensor& y = conv->conv.y;
    for (int image = 0; image < y.n; ++image)
      for (int v = 0; v < y.h; ++v)
        for (int u = 0; u < y.w; ++u)
          for (int k = 0; k < y.c; ++k) {
            const std::size_t at = y.pixel(image, v, u) + static_cast<std::size_t>(k);
            const int got = arena_data<std::uint8_t>(cpu.memory(), y)[at];
            const int want = arena_data<std::uint8_t>(plain.memory(), y)[at];
            ASSERT_LE(std::abs(got - want), 2) << named.name << ", channel " << k;
          }
  }
  EXPECT_GT(convolutions, 5);
}

INSTANTIATE_TEST_SUITE_P(Tiny, Int8Test, testing::ValuesIn(kTiny));

TEST(Int8, TheShippedModelFindsTheSameObjects) {
  const TemporaryFolder folder;
  const Outcome outcome = cudet::test::run_command(
      command, "convert", {"weights/codes.json", "--int8", "weights/demo", "-o", folder.file("codes"), "--quiet"});
  ASSERT_EQ(outcome.status, 0) << outcome.error;
  const DetectorOptions cpu{.device = Device::cpu};
  Detector floats(Model::load("weights/codes.json"), cpu), bytes(Model::load(folder.file("codes.json")), cpu);
  std::size_t found = 0;
  for (const std::string& path : find_calibration_images("weights/demo")) {
    const Image image = decode_image(read_file(path), path, 100'000'000).image;
    const auto want = floats.detect(image.frame(), {.confidence = 0.4f}).detections;
    const auto got = bytes.detect(image.frame(), {.confidence = 0.25f}).detections;
    for (const Detection& d : want) {
      const float size = std::max(d.x2 - d.x1, d.y2 - d.y1);
      const auto same = [&](const Detection& o) {
        return o.class_id == d.class_id && std::abs(o.score - d.score) < 0.15f &&
               std::max({std::abs(o.x1 - d.x1), std::abs(o.y1 - d.y1), std::abs(o.x2 - d.x2), std::abs(o.y2 - d.y2)}) <
                   0.1f * size + 2;
      };
      EXPECT_TRUE(std::any_of(got.begin(), got.end(), same)) << path << ": " << d.class_id << " " << d.score;
      ++found;
    }
  }
  EXPECT_GT(found, 5u);
}

TEST(Int8, WeightsHaveEightBitsAndScales) {
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
  const Description description = read_description(folder.file("plain.json"));
  EXPECT_EQ(fs::path(description.weights).filename(), "plain.safetensors");
  EXPECT_EQ(description.rows.size(), read_description("tests/data/tiny/plain.json").rows.size());
}

TEST(Int8, ReportsErrorsInOneLine) {
  const Pictures pictures;
  const TemporaryFolder folder, empty;
  const std::string plain = "tests/data/tiny/plain.json", int8 = make_int8("plain", pictures, folder);
  const std::string out = folder.file("out");
  std::ofstream(empty.file("broken.jpg")) << "not an image";
  struct Refusal {
    std::vector<std::string> arguments;
    std::string why;
  };
  const TemporaryFolder none, crossed;  // crossed: a weights file named like a description
  fs::copy_file("tests/data/tiny/plain.safetensors", crossed.file("w.json"));
  std::ifstream description(plain);
  std::ofstream(crossed.file("d.json")) << with_weights(std::string(std::istreambuf_iterator<char>(description), {}),
                                                        "w.json");
  for (const auto& [arguments, why] :
       {Refusal{{int8, "--int8", pictures.path(), "-o", out}, "already quantised"},
        {{plain, "--int8", none.path().string(), "-o", out}, "no images"},
        {{plain, "--int8", "nowhere", "-o", out}, "nowhere: "},
        {{plain, "--int8", empty.path().string(), "-o", out}, "broken.jpg"},
        {{plain, "--int8", pictures.path(), "-o", out, "--imgsz", "64"}, "--imgsz"},
        {{plain, "-o", out}, "--int8 FOLDER"},
        {{"tests/data/pt/plain.pt", "--int8", pictures.path(), "-o", out}, "plain.pt"},
        {{folder.file("plain.json"), "--int8", pictures.path(), "-o", folder.file("plain")}, "plain.json"},
        {{crossed.file("d.json"), "--int8", pictures.path(), "-o", crossed.file("w")},
         "w.json: this output is also an input"}}) {
    const Outcome outcome = cudet::test::run_command(command, "convert", arguments);
    EXPECT_EQ(outcome.status, 2) << why;
    EXPECT_NE(outcome.error.find(why), std::string::npos) << outcome.error << ", expected: " << why;
    EXPECT_EQ(std::count(outcome.error.begin(), outcome.error.end(), '\n'), 1) << outcome.error;
  }
  EXPECT_FALSE(fs::exists(out + ".json"));
  EXPECT_FALSE(fs::exists(out + ".safetensors"));
}

TEST(Int8, RefusesMissingAndInvalidRanges) {
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
  EXPECT_NE(with("model.0.output_range", {}).find(json + ": model.0.output_range is missing"), std::string::npos);
  EXPECT_NE(with("model.0.output_range", {1, -1}).find("is not a range"), std::string::npos);
  EXPECT_NE(with("model.0.output_range", {0, INFINITY}).find("not finite"), std::string::npos);
  EXPECT_NE(with("model.0.output_range", {1}).find("has shape"), std::string::npos);
  EXPECT_NE(with("model.0.conv.weight_scale", {}).find("model.0.conv.weight_scale is missing"), std::string::npos);
  for (const float scale : {-1.0f, NAN, INFINITY})
    EXPECT_NE(with("model.0.conv.weight_scale", std::vector<float>(8, scale))
                  .find("must hold one finite scale per output channel"),
              std::string::npos);
}

// The scale of a bias that was stored in 8 bits must be removed: the runtime rejects weights that no row uses.
TEST(Int8, ConvertsABiasOfEightBits) {
  const Pictures pictures;
  const TemporaryFolder folder;
  const Safetensors file = Safetensors::read("tests/data/tiny/folded.safetensors");
  std::map<std::string, StoredTensor> tensors = file.tensors();
  StoredTensor& bias = tensors.at("model.0.conv.bias");
  const std::vector<std::int8_t> values(bias.elements(), 3);
  const std::vector<float> scales(bias.elements(), 0.01f);
  tensors["model.0.conv.bias_scale"] = {Dtype::f32, bias.shape, std::as_bytes(std::span(scales))};
  bias = {Dtype::i8, bias.shape, std::as_bytes(std::span(values))};
  write_safetensors(folder.file("b.safetensors"), tensors);
  std::ifstream description("tests/data/tiny/folded.json");
  std::ofstream(folder.file("b.json")) << with_weights(std::string(std::istreambuf_iterator<char>(description), {}),
                                                       "b.safetensors");
  const Outcome outcome = cudet::test::run_command(
      command, "convert", {folder.file("b.json"), "--int8", pictures.path(), "-o", folder.file("i"), "--quiet"});
  ASSERT_EQ(outcome.status, 0) << outcome.error;
  EXPECT_EQ(error_of([&] { Model::load(folder.file("i.json")); }), "no error");
}

// All outputs of a convolution are zero, so their range is empty.
TEST(Int8, ConvertsAConvolutionWhoseOutputIsZero) {
  const Pictures pictures;
  const TemporaryFolder folder;
  const Safetensors file = Safetensors::read("tests/data/tiny/folded.safetensors");
  std::map<std::string, StoredTensor> tensors = file.tensors();
  for (const char* name : {"model.0.conv.weight", "model.0.conv.bias"}) {
    ASSERT_TRUE(tensors.contains(name)) << name;
    static const std::vector<std::byte> zeros(1 << 20);
    tensors[name].data = std::span(zeros).first(tensors[name].data.size());
  }
  std::filesystem::copy_file("tests/data/tiny/folded.json", folder.file("folded.json"));
  write_safetensors(folder.file("folded.safetensors"), tensors);
  const Outcome outcome = cudet::test::run_command(
      command, "convert", {folder.file("folded.json"), "--int8", pictures.path(), "-o", folder.file("int8")});
  ASSERT_EQ(outcome.status, 0) << outcome.error;
  const Picture picture(60, 44, 9);
  for (const float value : raw_output(folder.file("int8.json"), {.device = Device::cpu}, picture.frame).values)
    ASSERT_TRUE(std::isfinite(value));
}

TEST(Int8, OnlyQuantisedModelsOnTheCpuRunIt) {
  const Pictures pictures;
  const TemporaryFolder folder;
  const std::string int8 = make_int8("plain", pictures, folder);
  const auto with = [](const std::string& model, Device device, Precision precision) {
    return error_of([&] { Detector(Model::load(model), {.device = device, .precision = precision}); });
  };
  const std::string plain = "tests/data/tiny/plain.json";
  EXPECT_NE(with(plain, Device::cpu, Precision::int8).find("is not quantised"), std::string::npos);
  EXPECT_NE(with(int8, Device::cuda, Precision::int8).find("precision int8"), std::string::npos);
  EXPECT_EQ(with(int8, Device::automatic, Precision::int8), "no error");
  EXPECT_EQ(with(int8, Device::cpu, Precision::fp32), "no error");
}

}  // namespace
}  // namespace cudet::convert::test
