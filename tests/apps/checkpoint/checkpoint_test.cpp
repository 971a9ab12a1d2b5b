#include "apps/checkpoint/checkpoint.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <nlohmann/json.hpp>
#include <random>

#include "apps/checkpoint/check_runnable.h"
#include "kernels/error.h"
#include "runtime/model/file.h"
#include "tests/shared.h"

namespace cudet::convert::test {
namespace {

using Json = nlohmann::ordered_json;
using cudet::test::shared_file;
using cudet::test::why_not_shared;

std::string path(const std::string& name) {
  return "tests/data/pt/" + name;
}

Json table(const Checkpoint& checkpoint) {
  return Json::parse(to_json(checkpoint.table, ""));
}

/// Checks that the weights are exactly the tensors that torch reads from the checkpoint, bit for bit.
void expect_weights(const Checkpoint& checkpoint, const std::string& name) {
  const Safetensors want = Safetensors::read(path(name + ".safetensors"));
  EXPECT_EQ(checkpoint.weights.size(), want.tensors().size());
  for (const auto& [tensor_name, tensor] : want.tensors()) {
    const auto found = checkpoint.weights.find(tensor_name);
    ASSERT_NE(found, checkpoint.weights.end()) << tensor_name;
    EXPECT_EQ(found->second.dtype, tensor.dtype) << tensor_name;
    EXPECT_EQ(found->second.shape, tensor.shape) << tensor_name;
    ASSERT_EQ(found->second.data.size(), tensor.data.size()) << tensor_name;
    EXPECT_EQ(std::memcmp(found->second.data.data(), tensor.data.data(), tensor.data.size()), 0) << tensor_name;
  }
}

Checkpoint read(const std::string& name) {
  return read_checkpoint(TorchFile::open(path(name)));
}

/// The pickle of a checkpoint and its storages, for tests that change them.
struct Parts {
  std::string pickle;
  std::map<std::string, std::vector<std::byte>> storages;

  explicit Parts(const std::string& name) {
    const ZipArchive archive = ZipArchive::open(path(name + ".pt"));
    const std::vector<std::byte> bytes = archive.read(name + "/data.pkl");
    pickle.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    const std::string folder = name + "/data/";
    for (const auto& [entry, claims] : archive.entries())
      if (entry.starts_with(folder)) storages[entry.substr(folder.size())] = archive.read(entry);
  }
  Checkpoint read() const {
    const auto* first = reinterpret_cast<const std::byte*>(pickle.data());
    return read_checkpoint(TorchFile::assemble({first, first + pickle.size()}, storages));
  }
  /// Replaces all occurrences of a text by a text of the same length.
  Parts& replace(const std::string& from, const std::string& to) {
    EXPECT_EQ(from.size(), to.size());
    EXPECT_NE(pickle.find(from), std::string::npos) << from;
    for (std::size_t at = 0; (at = pickle.find(from, at)) != std::string::npos;) pickle.replace(at, from.size(), to);
    return *this;
  }
};

void expect_refused(const std::function<void()>& action, const std::string& why) {
  try {
    action();
    ADD_FAILURE() << "accepted, expected: " << why;
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find(why), std::string::npos) << error.what() << ", expected: " << why;
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
  }
}

TEST(Checkpoint, ReadsAPublishedCheckpoint) {
  const Checkpoint checkpoint = read("plain.pt");
  expect_weights(checkpoint, "plain");
  check_runnable(checkpoint.table, &checkpoint.weights, "plain.pt");
  EXPECT_EQ(table(checkpoint), Json::parse(R"({
      "format": "cudet-model", "version": 1, "nc": 3, "names": ["bolt", "nut", "Mutter, groß"],
      "input": {"size": [100, 100]},
      "backbone": [[-1, 1, "Conv", [8, 3, 2]], [-1, 1, "Conv", [8, 3, 2]], [-1, 2, "C2f", [8, true]],
                   [-1, 1, "Conv", [8, 3, 2]], [-1, 1, "SPPF", [8, 5]]],
      "head": [[-1, 1, "Upsample", [null, 2, "nearest"]], [[-1, 2], 1, "Concat", [1]], [-1, 1, "C2f", [8, false]],
               [[7, 4], 1, "Detect", ["nc", 4]]]})"));
}

TEST(Checkpoint, ReadsTheEmaOfATrainingCheckpoint) {
  const Checkpoint checkpoint = read("training.pt");
  expect_weights(checkpoint, "training");
  check_runnable(checkpoint.table, &checkpoint.weights, "training.pt");
  EXPECT_EQ(table(checkpoint)["head"][0], Json::parse(R"([-1, 1, "DySample", [2, "pl", 2, true]])"));
  EXPECT_EQ(checkpoint.table.height, 64);
  EXPECT_EQ(checkpoint.table.width, 96);
}

TEST(Checkpoint, ReadsFoldedBatchNorm) {
  const Checkpoint checkpoint = read("fused.pt");
  expect_weights(checkpoint, "fused");
  check_runnable(checkpoint.table, &checkpoint.weights, "fused.pt");
  EXPECT_TRUE(checkpoint.weights.contains("model.0.conv.bias"));
  EXPECT_EQ(checkpoint.table.names[2], "Mutter, groß");
  EXPECT_EQ(checkpoint.table.height, 96);
}

TEST(Checkpoint, ReadsABareModuleWithNewerOpcodes) {
  const Checkpoint checkpoint = read("module.pt");
  expect_weights(checkpoint, "module");
  check_runnable(checkpoint.table, &checkpoint.weights, "module.pt");
  EXPECT_EQ(table(checkpoint)["head"][0], Json::parse(R"([-1, 1, "DySample", [2, "lp", 4, false]])"));
  EXPECT_EQ(checkpoint.table.height, 640);
}

TEST(Checkpoint, ReadsModulesOfPyTorch) {
  const Checkpoint checkpoint = read("resized.pt");
  expect_weights(checkpoint, "resized");
  check_runnable(checkpoint.table, &checkpoint.weights, "resized.pt");
  const Json json = table(checkpoint);
  EXPECT_EQ(json["backbone"][2], Json::parse(R"([-1, 1, "nn.ZeroPad2d", [[0, 1, 2, 3]]])"));
  EXPECT_EQ(json["backbone"][4], Json::parse(R"([-1, 1, "nn.ConvTranspose2d", [8, 2, 2, 0]])"));
  EXPECT_EQ(json["head"][0], Json::parse(R"([-1, 1, "Upsample", [null, 2, "bilinear"]])"));
  EXPECT_EQ(json["head"][1], Json::parse(R"([-1, 1, "Upsample", [null, 2, "bilinear", {"align_corners": true}]])"));
  EXPECT_EQ(json["head"][4], Json::parse(R"([-1, 1, "nn.ConvTranspose2d",
                                             [8, 3, 2, 1, {"output_padding": 1, "groups": 4, "bias": false}]])"));
}

TEST(Checkpoint, RefusesUnsupportedRowsAndFiles) {
  expect_refused([] { read("segment.pt"); }, "model.8 (Segment): segmentation models are not supported");
  expect_refused([] { read("state-dict.pt"); }, "only weights (a state dict)");
  expect_refused([] { read("legacy.pt"); }, "contains no network");
  expect_refused([] { read("plain.safetensors"); }, "not a checkpoint of torch.save");
  expect_refused([] { read("none.pt"); }, "no such file");
  expect_refused([] { TorchFile::open("tests"); }, "not a regular file");
}

TEST(Checkpoint, RefusesRowsThatDiffer) {
  const auto refused = [](const std::string& name, const std::string& from, const std::string& to, const char* why) {
    expect_refused([&] { Parts(name).replace(from, to).read(); }, why);
  };
  refused("plain", "\nSiLU\n", "\nSELU\n", "model.0 (Conv): act: activation SELU is not supported");
  refused("plain", "\nConcat\n", "\nConcet\n", "model.6 (Concet): this module is not supported");
  refused("plain", "\nBottleneck\n", "\nBattleneck\n", "model.2 (C2f): m.0: Battleneck is not supported here");
  refused("plain", "nearest", "bicubic", "model.5 (Upsample): only modes nearest and bilinear");
  refused("plain", "\nSPPF\n", "\nSPPG\n", "model.4 (SPPG)");
  refused("plain", "HalfStorage", "CharStorage", "model.0.conv.weight: elements of type CharStorage are not supported");
  refused("plain", "\nDFL\n", "\nDFX\n", "model.8 (Detect): dfl: DFX is not supported here");
  refused("plain", "cv3", "cv4", "model.8 (Detect): sub-module cv4 is not supported");
  refused("resized", "bilinear", "bicubics", "model.6 (Upsample): only modes nearest and bilinear");
  refused("resized", "output_padding", "input_paddings", "model.4 (ConvTranspose2d): output_padding is not a pair");
  refused("resized", "\nZeroPad2d\n", "\nOnesPad2d\n", "model.2 (OnesPad2d): this module is not supported");
  refused("training", "init_pos", "init_pot", "model.5 (DySample_UP): parameter init_pot is not supported");
}

TEST(Checkpoint, InfersMissingAttributesOfDySample) {
  const Checkpoint checkpoint = Parts("training").replace("style", "stile").replace("scale", "scala").read();
  EXPECT_EQ(table(checkpoint)["head"][0], Json::parse(R"([-1, 1, "DySample", [2, "pl", 2, true]])"));
}

TEST(Checkpoint, RefusesAnotherInitPos) {
  Parts parts("training");
  const auto is_quarter = [](std::byte high) { return (high & std::byte{0x7f}) == std::byte{0x34}; };  // f16 ±0.25
  int changed = 0;
  for (auto& [key, bytes] : parts.storages)
    if (bytes.size() == 32 && is_quarter(bytes[1]) && is_quarter(bytes[31]) && bytes[0] == std::byte{0}) {
      bytes[1] ^= std::byte{0x80};
      ++changed;
    }
  ASSERT_EQ(changed, 1);
  expect_refused([&] { parts.read(); },
                 "model.5 (DySample_UP): init_pos differs from the standard positions of DySample");
}

TEST(Checkpoint, RefusesWeightsThatDiverged) {
  Parts parts("plain");
  std::vector<std::byte>& first = parts.storages.at("0");
  first[0] = std::byte{0};
  first[1] = std::byte{0x7e};  // f16 NaN
  expect_refused([&] { parts.read(); }, "model.0 (Conv): conv: weight contains values that are not finite");
}

TEST(Checkpoint, RefusesTensorsBeyondTheirStorage) {
  Parts parts("plain");
  const std::size_t bytes = parts.storages.at("0").size();
  for (const std::size_t other : {std::size_t{10}, bytes - 1, bytes + 1, bytes + 2}) {
    parts.storages.at("0").resize(other);
    expect_refused([&] { parts.read(); }, "model.0.conv.weight: its storage has " + std::to_string(other) +
                                              " bytes, which is not what its type and count need");
  }
  parts.storages.erase("0");
  expect_refused([&] { parts.read(); }, "storage 0 is missing");
}

TEST(Checkpoint, RefusesWhatTakesTooMuchMemory) {
  expect_refused([] { read_checkpoint(TorchFile::open(path("plain.pt"), 10'000)); },
                 "the checkpoint's tensors take more than 0 MiB of memory");
  EXPECT_NO_THROW(read_checkpoint(TorchFile::open(path("plain.pt"), 1 << 20)));
}

// A tensor's size of zero must not hide that the product of the others overflows.
TEST(Checkpoint, RefusesTensorsWithoutElements) {
  if (const std::string why = why_not_shared("broken/zero_dim_overflow.pt"); !why.empty()) GTEST_SKIP() << why;
  expect_refused([] { read_checkpoint(TorchFile::open(shared_file("broken/zero_dim_overflow.pt"))); }, "expected");
}

TEST(Checkpoint, RefusesNegativeVariances) {
  Parts parts("plain");
  int changed = 0;
  for (auto& [key, bytes] : parts.storages) {
    Parts one = parts;
    for (std::size_t i = 1; i < bytes.size(); i += 2) one.storages.at(key)[i] |= std::byte{0x80};  // all f16 negative
    try {
      one.read();
    } catch (const Error& error) {
      changed += std::string(error.what()).find("bn: running_var contains a negative variance") != std::string::npos;
    }
  }
  EXPECT_GT(changed, 10);
}

TEST(Checkpoint, RefusesFilesTruncatedAnywhere) {
  const std::vector<std::byte> whole = read_file(path("plain.pt"));
  for (std::size_t size = 0; size < whole.size(); size += 97)
    EXPECT_THROW(read_checkpoint(TorchFile::parse({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)})),
                 Error)
        << "truncated at " << size;
}

/// A file with random changes is either rejected or read; a table that is read can be written.
TEST(Checkpoint, ReadsOrRefusesFilesWithRandomChanges) {
  std::mt19937 random(7);
  const auto change = [&](auto& bytes) {
    using Byte = typename std::decay_t<decltype(bytes)>::value_type;
    for (auto n = 1 + random() % 3; n > 0; --n) bytes[random() % bytes.size()] = static_cast<Byte>(random() % 256);
  };
  int read = 0, refused = 0;
  const auto attempt = [&](const std::function<Checkpoint()>& reader) {
    try {
      const Checkpoint checkpoint = reader();
      EXPECT_FALSE(to_json(checkpoint.table, "").empty());
      ++read;
    } catch (const Error&) {
      ++refused;
    }
  };
  for (const char* name : {"plain", "training"}) {
    const std::vector<std::byte> whole = read_file(path(std::string(name) + ".pt"));
    const Parts parts(name);
    for (int i = 0; i < 200; ++i) {
      std::vector<std::byte> bytes = whole;
      change(bytes);
      attempt([&] { return read_checkpoint(TorchFile::parse(std::move(bytes))); });
      Parts changed = parts;
      change(changed.pickle);
      attempt([&] { return changed.read(); });
    }
  }
  EXPECT_GT(read, 100);
  EXPECT_GT(refused, 100);
}

TEST(Checkpoint, ReadsRealCheckpoints) {
  for (const std::string name : {"weights/yolov8n.pt", "weights/yolov8n-dysample.pt"}) {
    if (const std::string why = why_not_shared(name); !why.empty()) GTEST_SKIP() << why;
    const Checkpoint checkpoint = read_checkpoint(TorchFile::open(shared_file(name)));
    check_runnable(checkpoint.table, &checkpoint.weights, name);
    EXPECT_EQ(checkpoint.table.backbone.size() + checkpoint.table.head.size(), 23u);
    EXPECT_EQ(checkpoint.table.names[0], "person");
    EXPECT_EQ(checkpoint.table.names[79], "toothbrush");
    EXPECT_EQ(checkpoint.weights.at("model.0.conv.weight").shape, (std::vector<std::int64_t>{16, 3, 3, 3}));
    const bool dysample = name.find("dysample") != std::string::npos;
    EXPECT_EQ(checkpoint.weights.contains("model.10.offset.weight"), dysample);
    EXPECT_EQ(checkpoint.table.head[0].module, dysample ? "DySample" : "Upsample");
  }
}

}  // namespace
}  // namespace cudet::convert::test
