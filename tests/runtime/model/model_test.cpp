// Loading of models: descriptions with their weights.
#include "runtime/model/model.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <limits>

#include "apps/files/write_safetensors.h"
#include "tests/error_of.h"
#include "tests/runtime/network.h"
#include "tests/shared.h"
#include "tests/temporary.h"

namespace cudet::test {
namespace {

std::string error_of(const std::string& description, const std::string& weights) {
  try {
    Model::load(description, weights);
    return "no error";
  } catch (const Error& error) {
    return error.what();
  }
}

TEST(Model, HasPathNamesInputAndStride) {
  const Model model = Model::load("tests/data/tiny/plain.json");
  EXPECT_EQ(model.path(), "tests/data/tiny/plain.json");
  EXPECT_EQ(model.names(), (std::vector<std::string>{"circle", "square", "triangle"}));
  EXPECT_EQ(model.input_size(), (Size{64, 96}));
  EXPECT_EQ(model.stride(), 32);
}

TEST(Model, StrideCoversAllFeatureMaps) {
  EXPECT_EQ(Model::load("tests/data/tiny/stride12.json").stride(), 96);
}

TEST(Model, WeightErrorsNameTheRow) {
  const TemporaryFolder folder;
  const Safetensors sound = Safetensors::read("tests/data/tiny/plain.safetensors");
  const std::string file = folder.file("w.safetensors");
  const auto error_with = [&](auto change) {
    std::map<std::string, StoredTensor> tensors = sound.tensors();
    change(tensors);
    write_safetensors(file, tensors);
    return error_of("tests/data/tiny/plain.json", file);
  };
  EXPECT_EQ(error_with([](auto&) {}), "no error");
  EXPECT_EQ(error_with([](auto& t) { t.erase("model.0.conv.weight"); }),
            "tests/data/tiny/plain.json: backbone row 0 (Conv): model.0.conv.weight is missing from " + file);
  EXPECT_EQ(error_with([](auto& t) { t.erase("model.2.m.1.cv2.bn.running_var"); }),
            "tests/data/tiny/plain.json: backbone row 2 (C2f): model.2.m.1.cv2.bn.running_var is missing from " + file);
  EXPECT_EQ(
      error_with([](auto& t) {
        t["model.4.cv1.conv.weight"].shape = {24, 12, 1, 1};
      }),
      "tests/data/tiny/plain.json: backbone row 4 (SPPF): model.4.cv1.conv.weight has shape [24, 12, 1, 1], needs "
      "[24, 24, 1, 1]");
  EXPECT_EQ(error_with([](auto& t) { t["model.5.offset.bias"] = t["model.11.cv2.0.2.bias"]; }),
            file + ": no row uses model.5.offset.bias: these weights belong to another network");
  EXPECT_EQ(error_with([](auto& t) { t["model.0.bn.num_batches_tracked"] = t["model.11.cv2.0.2.bias"]; }), "no error");
  EXPECT_EQ(error_with([&](auto& t) { t["model.11.dfl.conv.weight"] = t["model.11.cv2.0.2.bias"]; }).substr(0, 66),
            "tests/data/tiny/plain.json: head row 6 (Detect): model.11.dfl.conv");
}

TEST(Model, ReadsWeightsWhenADetectorIsConstructed) {
  const TemporaryFolder folder;
  const std::string file = folder.file("w.safetensors");
  std::filesystem::copy_file("tests/data/tiny/plain.safetensors", file);
  const Model model = Model::load("tests/data/tiny/plain.json", file);
  std::filesystem::rename(file, folder.file("elsewhere"));
  EXPECT_NO_THROW(Detector(model, {.device = Device::cpu}));
  folder.write("elsewhere", "something else");
  try {
    Detector(model, {.device = Device::cpu});
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()),
              "tests/data/tiny/plain.json: " + file + ": was written to while it was in use");
  }
}

TEST(Model, RefusesValuesThatCannotBeRight) {
  const TemporaryFolder folder;
  const Safetensors sound = Safetensors::read("tests/data/tiny/plain.safetensors");
  const std::string file = folder.file("w.safetensors");
  const auto error_with = [&](const std::string& name, float value) {
    std::map<std::string, StoredTensor> tensors = sound.tensors();
    std::vector<float> values = tensors.at(name).to_f32();
    values.back() = value;
    tensors[name].dtype = Dtype::f32;
    tensors[name].data = std::as_bytes(std::span(values));
    write_safetensors(file, tensors);
    return cudet::test::error_of(
        [&] { Detector(Model::load("tests/data/tiny/plain.json", file), {.device = Device::cpu}); });
  };
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const std::string path = "tests/data/tiny/plain.json: ";
  for (const float bad : {kInfinity, -kInfinity, std::numeric_limits<float>::quiet_NaN()})
    for (const std::string name : {"model.2.m.1.cv2.conv.weight", "model.0.bn.running_mean",
                                   "model.4.cv1.bn.running_var", "model.4.cv1.bn.weight", "model.11.cv3.1.2.bias"})
      EXPECT_EQ(error_with(name, bad), path + file + ": " + name + " contains values that are not finite");
  EXPECT_EQ(error_with("model.4.cv1.bn.running_var", -0.5f),
            path + "model.4.cv1.bn.running_var contains a negative variance");
}

// A convolution that has both a bias and a batch norm.
TEST(Model, AppliesBiasAndBatchNorm) {
  const TemporaryFolder folder;
  const Safetensors sound = Safetensors::read("tests/data/tiny/plain.safetensors");
  const Safetensors golden = Safetensors::read("tests/data/tiny/plain.golden.safetensors");
  std::map<std::string, StoredTensor> tensors = sound.tensors();
  std::vector<float> mean = tensors["model.0.bn.running_mean"].to_f32();
  // (conv + ½) − (mean + ½) = conv − mean, so the output does not change.
  for (float& m : mean) m += 0.5f;
  const std::vector<float> half(mean.size(), 0.5f);
  tensors["model.0.conv.bias"] = {Dtype::f32, {static_cast<std::int64_t>(half.size())}, std::as_bytes(std::span(half))};
  tensors["model.0.bn.running_mean"].dtype = Dtype::f32;
  tensors["model.0.bn.running_mean"].data = std::as_bytes(std::span(mean));
  write_safetensors(folder.file("w.safetensors"), tensors);

  const StoredTensor& picture = *golden.find("input_u8");
  Network network(Model::load("tests/data/tiny/plain.json", folder.file("w.safetensors")), Network::Kernels::cpu, 1,
                  {64, 96});
  network.set_input(0, picture);
  network.run();
  const RawDifference off =
      raw_difference(network.channels_first(network.program.output), golden.find("output0")->to_f32(),
                     static_cast<std::size_t>(network.program.output.w));
  EXPECT_TRUE(off.box <= 2e-3 && off.score <= 5e-5) << off.box << " " << off.score;
}

TEST(Model, RejectsMissingFiles) {
  EXPECT_NE(error_of("none.json", "").find("none.json: no such file"), std::string::npos);
  EXPECT_NE(error_of("tests/data/tiny/plain.json", "none.safetensors").find("none.safetensors"), std::string::npos);
  EXPECT_NE(error_of("weights/yolov8.json", "").find("names no weights"), std::string::npos);
}

/// The description, with every Upsample replaced by a DySample of these arguments.
std::string with_dysample(std::string text, const std::string& arguments, const std::string& weights) {
  const std::string upsample = R"("nn.Upsample", [null, 2, "nearest"])";
  std::size_t at = 0;
  int times = 0;
  for (; (at = text.find(upsample, at)) != std::string::npos; ++times)
    text.replace(at, upsample.size(), R"("DySample", )" + arguments);
  EXPECT_GT(times, 0);
  const std::size_t key = text.find("\"weights\"");
  text.replace(key, text.rfind('}') - key, "\"weights\": \"" + weights + "\"\n");
  return text;
}

/// Weights with which every DySample of the model samples exactly where nearest upsampling does: offset weight 0 and
/// bias −init_pos/a. a is 0.25; with dyscope too, because the scope is 0.
class NearestWeights {
 public:
  void add(const std::string& prefix, int channels, int groups, bool dyscope) {
    const int out = 2 * groups * 4;
    std::vector<float> bias;
    for (int axis = 0; axis < 2; ++axis)
      for (int g = 0; g < groups; ++g)
        for (int p = 0; p < 2; ++p)
          for (int q = 0; q < 2; ++q) bias.push_back(-((static_cast<float>(axis == 0 ? q : p) - 0.5f) / 2) / 0.25f);
    put(prefix + ".offset.weight", {out, channels, 1, 1}, std::vector<float>(static_cast<std::size_t>(out) * channels));
    put(prefix + ".offset.bias", {out}, bias);
    if (!dyscope) return;
    put(prefix + ".scope.weight", {out, channels, 1, 1}, std::vector<float>(static_cast<std::size_t>(out) * channels));
    put(prefix + ".scope.bias", {out}, std::vector<float>(static_cast<std::size_t>(out)));
  }
  std::map<std::string, StoredTensor> tensors;

 private:
  void put(const std::string& name, std::vector<std::int64_t> shape, std::vector<float> values) {
    kept_.push_back(std::make_unique<std::vector<float>>(std::move(values)));
    tensors[name] = {Dtype::f32, std::move(shape), std::as_bytes(std::span(*kept_.back()))};
  }
  std::vector<std::unique_ptr<std::vector<float>>> kept_;  // the tensors point into these
};

std::vector<float> output_of(const std::string& description, const StoredTensor& picture) {
  Network network(Model::load(description), Network::Kernels::cpu, 1,
                  {static_cast<int>(picture.shape[0]), static_cast<int>(picture.shape[1])});
  network.set_input(0, picture);
  network.run();
  return network.channels_first(network.program.output);
}

TEST(DySample, EqualsNearestUpsamplingForSuchWeights) {
  std::ifstream file("tests/data/tiny/plain.json");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const Safetensors weights = Safetensors::read("tests/data/tiny/plain.safetensors");
  const Safetensors golden = Safetensors::read("tests/data/tiny/plain.golden.safetensors");
  const StoredTensor& picture = *golden.find("input_u8");
  const std::vector<float> nearest = output_of("tests/data/tiny/plain.json", picture);
  const Graph graph = build_graph(read_description("tests/data/tiny/plain.json"), NoWeights());
  const int channels = graph.channels[static_cast<std::size_t>(graph.rows[4].output)];

  for (const auto& [arguments, groups, dyscope] : {std::tuple("[]", 4, false), std::tuple(R"([2, "lp", 1])", 1, false),
                                                   std::tuple(R"([2, "lp", 8, true])", 8, true)}) {
    const TemporaryFolder folder;
    NearestWeights added;
    added.tensors = weights.tensors();
    added.add("model.5", channels, groups, dyscope);
    write_safetensors(folder.file("w.safetensors"), added.tensors);
    std::ofstream(folder.file("m.json")) << with_dysample(text, arguments, "w.safetensors");
    EXPECT_EQ(output_of(folder.file("m.json"), picture), nearest) << arguments;
  }
}

}  // namespace
}  // namespace cudet::test
