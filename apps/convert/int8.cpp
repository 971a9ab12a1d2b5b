#include "apps/convert/int8.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "apps/checkpoint/model_table.h"
#include "apps/files/atomic_file.h"
#include "apps/files/image_files.h"
#include "apps/files/same_file.h"
#include "apps/files/write_safetensors.h"
#include "runtime/compile/quantize.h"
#include "runtime/model/file.h"
#include "runtime/model/model.h"

namespace cudet::convert {
namespace {

namespace fs = std::filesystem;

std::vector<std::byte> copy_bytes(const void* data, std::size_t count) {
  std::vector<std::byte> bytes(count);
  if (count) std::memcpy(bytes.data(), data, count);
  return bytes;
}

}  // namespace

Int8Weights::Int8Weights(Safetensors file, const Model& model, const std::map<std::string, ValueRange>& ranges)
    : file_(std::move(file)), tensors_(file_.tensors()) {
  const Graph& graph = model.impl().graph;
  for (const Node& node : graph.nodes) {
    const auto* conv = std::get_if<ConvOp>(&node.op);
    if (!conv) continue;
    if (const auto range = ranges.find(node.name); range != ranges.end())
      add_floats(range_name(node.name), {2}, {range->second.low, range->second.high});
    const Parameter& weight = graph.parameters[static_cast<std::size_t>(conv->weight)];
    const Parameter& bias = graph.parameters[static_cast<std::size_t>(conv->bias)];
    const std::vector<std::int64_t> shape(weight.shape.begin(), weight.shape.end());
    // Only a convolution with its own weight tensor is quantised; that of DySample can consist of several tensors.
    const bool normed = file_.find(node.name + ".conv.weight");
    const std::string name = node.name + (normed ? ".conv" : "");
    const StoredTensor* stored = file_.find(name + ".weight");
    if (!stored || stored->shape != shape) continue;
    add_convolution(name + ".weight", weight.shape, read_values(weight.values, element_count(weight.shape)));
    add_floats(name + ".bias", {shape[0]}, read_values(bias.values, element_count(bias.shape)));
    tensors_.erase(scale_name(name + ".bias"));  // present if the bias was stored in 8 bits
    std::erase_if(tensors_, [&](const auto& tensor) { return tensor.first.starts_with(node.name + ".bn."); });
  }
}

void Int8Weights::add_convolution(const std::string& name, const std::vector<int>& shape,
                                  const std::vector<float>& weight) {
  const std::size_t channels = static_cast<std::size_t>(shape[0]), depth = weight.size() / channels;
  std::vector<std::int8_t> quantized(weight.size());
  std::vector<float> scales(channels);
  for (std::size_t k = 0; k < channels; ++k)
    scales[k] = quantize_weights(weight.data() + k * depth, depth, quantized.data() + k * depth);
  add(name, {Dtype::i8, {shape.begin(), shape.end()}, {}}, copy_bytes(quantized.data(), quantized.size()));
  add_floats(scale_name(name), {shape[0]}, scales);
}

void Int8Weights::add_floats(const std::string& name, std::vector<std::int64_t> shape,
                             const std::vector<float>& values) {
  add(name, {Dtype::f32, std::move(shape), {}}, copy_bytes(values.data(), values.size() * sizeof(float)));
}

void Int8Weights::add(const std::string& name, StoredTensor tensor, std::vector<std::byte> bytes) {
  memory_.push_back(std::move(bytes));
  tensor.data = memory_.back();
  tensors_[name] = std::move(tensor);
}

std::vector<std::string> find_calibration_images(const std::string& folder) {
  std::error_code error;
  std::vector<std::string> paths = list_images(folder, error);
  if (error) throw Error(folder + ": " + error.message());
  if (paths.empty()) throw Error(folder + ": the folder contains no images (" + kImageExtensions + ")");
  std::sort(paths.begin(), paths.end());
  return paths;
}

void convert_to_int8(const std::string& model_path, const std::string& folder, const std::string& stem, bool quiet) {
  const Model model = Model::load(model_path);
  if (model.quantized()) throw Error(model_path + ": is already quantised");
  const std::vector<std::byte> text = read_file(model_path);  // before calibration, which takes a while
  Safetensors file = Safetensors::read(model.weights_path());
  const std::string json_path = stem + ".json", weights_path = stem + ".safetensors";
  for (const std::string& output : {json_path, weights_path}) {
    refuse_standard_output(output);
    for (const std::string& input : {model_path, model.weights_path()}) refuse_same_file(output, input);
  }
  refuse_same_outputs(json_path, weights_path);
  const std::vector<std::string> images = find_calibration_images(folder);
  for (const std::string& output : {json_path, weights_path})
    for (const std::string& image : images) refuse_same_file(output, image);
  require_quantizable(model.impl().graph);
  const Int8Weights weights(std::move(file), model, calibrate(model, images));

  AtomicFile description(json_path), data(weights_path);
  description.write(with_weights({reinterpret_cast<const char*>(text.data()), text.size()},
                                 fs::path(weights_path).filename().string()));
  write_safetensors(data, weights_path, weights.tensors(), {{"format", "pt"}});
  data.finish();
  description.finish();
  data.commit();
  description.commit();
  if (quiet) return;
  const std::size_t bytes = description.size() + data.size();
  std::printf("%s and %s: int8, ranges from %zu images, %zu tensors, %zu bytes\n", json_path.c_str(),
              weights_path.c_str(), images.size(), weights.tensors().size(), bytes);
}

}  // namespace cudet::convert
