#include "runtime/model/model.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <new>
#include <set>

#include "runtime/compile/passes.h"
#include "runtime/compile/quantize.h"
#include "runtime/model/safetensors.h"

namespace cudet {
namespace {

constexpr std::size_t kMaxNodes = 8000;  // per graph: bounds the work on a hostile description

std::string text(const std::vector<std::int64_t>& shape) {
  std::string out = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) out += (i ? ", " : "") + std::to_string(shape[i]);
  return out + "]";
}

/// Returns the shape as ints; empty if a side does not fit.
std::vector<int> to_ints(const std::vector<std::int64_t>& shape) {
  for (const std::int64_t side : shape)
    if (side < 0 || side > std::numeric_limits<int>::max()) return {};
  return {shape.begin(), shape.end()};
}

/// Weights of a safetensors file, which stays open while a graph refers to its values. Scales 8-bit weights. Records
/// which tensors were used.
class FileWeights final : public WeightSource {
 public:
  explicit FileWeights(const std::string& path) : file_(std::make_shared<const SafetensorsFile>(path)) {}

  bool has(const std::string& name) const override { return file_->find(name) != nullptr; }
  std::vector<int> shape(const std::string& name) const override {
    const SafetensorsHeader::Entry* tensor = file_->find(name);
    return tensor ? to_ints(tensor->shape) : std::vector<int>();
  }
  Values values(const std::string& name, const std::vector<int>& shape) const override {
    const SafetensorsHeader::Entry& tensor = find(name);
    if (const std::vector<std::int64_t> wanted(shape.begin(), shape.end()); tensor.shape != wanted)
      throw Error(name + " has shape " + text(tensor.shape) + ", needs " + text(wanted));
    if (tensor.dtype != Dtype::i8)
      return [file = file_, &tensor, name](std::span<float> out) {
        file->read(tensor, out);
        if (!std::all_of(out.begin(), out.end(), [](float v) { return std::isfinite(v); }))
          throw Error(file->path() + ": " + name + " contains values that are not finite");
      };
    return [file = file_, &tensor, scales = read_scales(scale_name(name), shape)](std::span<float> out) {
      file->read(tensor, out);
      const std::size_t length = out.size() / scales.size();
      for (std::size_t k = 0; k < scales.size(); ++k)
        for (float& value : out.subspan(k * length, length)) value *= scales[k];
    };
  }
  /// Throws Error if the file has a weight that no row used: then it belongs to another network. Ignores buffers that
  /// only training needs.
  void require_all_used() const {
    for (const auto& [name, tensor] : file_->tensors()) {
      if (!is_unused_buffer(name) && !used_.contains(name))
        throw Error(file_->path() + ": no row uses " + name + ": these weights belong to another network");
    }
  }

 private:
  const SafetensorsHeader::Entry& find(const std::string& name) const {
    const SafetensorsHeader::Entry* tensor = file_->find(name);
    if (!tensor) throw Error(name + " is missing from " + file_->path());
    used_.insert(name);
    return *tensor;
  }
  /// Reads the scale of each output channel of a weight of that shape.
  std::vector<float> read_scales(const std::string& name, const std::vector<int>& shape) const {
    const SafetensorsHeader::Entry& tensor = find(name);
    std::vector<float> factors(static_cast<std::size_t>(shape[0]));
    bool valid = tensor.elements() == factors.size();
    if (valid) {
      file_->read(tensor, factors);
      valid = std::all_of(factors.begin(), factors.end(), [](float f) { return std::isfinite(f) && f >= 0; });
    }
    if (!valid) throw Error(name + " must hold one finite scale per output channel");
    return factors;
  }

  std::shared_ptr<const SafetensorsFile> file_;
  mutable std::set<std::string> used_;
};

void add_row(const Description& description, const TableRow& row, const WeightSource& weights, Graph& graph) {
  const int index = static_cast<int>(graph.rows.size()) - 1;
  const LayerType* layer = find_layer(row.module);
  if (!layer) throw Error("unknown module \"" + row.module + "\"");
  const int repeats = description.scaling.repeats(row.repeats);
  const bool inside = layer->repeats == Repeats::inside;
  LayerContext context{graph,
                       weights,
                       description.scaling,
                       static_cast<int>(description.names.size()),
                       description.bn_eps,
                       description.activations,
                       index,
                       "model." + std::to_string(index),
                       {},
                       inside ? repeats : 1,
                       row.arguments};
  for (const int from : row.from) context.inputs.push_back(from == kNone ? 0 : graph.rows[from].output);
  const int chain = inside ? 1 : repeats;
  if (chain > 1 && row.module == "Detect") throw Error("cannot be repeated");
  const std::string prefix = context.prefix;
  for (int i = 0; i < chain; ++i) {
    if (chain > 1) context.prefix = prefix + "." + std::to_string(i);
    context.arguments = row.arguments;
    context.inputs = {layer->build(context)};
    if (graph.nodes.size() > kMaxNodes) throw Error("more than " + std::to_string(kMaxNodes) + " operators");
  }
  graph.rows.back().output = context.inputs.front();
}

/// Throws Error if feature maps do not fit each other, or a level of Detect does not divide the input.
void require_fit(const Graph& graph, Extent input) {
  const std::vector<Extent> extents = infer_extents(graph, input);
  for (const ValueId level : graph.nodes.back().inputs) {
    const Extent map = extents[level];
    const auto divides = [](int a, int b) { return a % b == 0 || b % a == 0; };  // strides below 1 are possible
    if (!divides(input.h, map.h) || !divides(input.w, map.w))
      throw Error(graph.rows.back().label + ": a level of " + std::to_string(map.h) + "x" + std::to_string(map.w) +
                  " pixels does not divide the input's " + std::to_string(input.h) + "x" + std::to_string(input.w));
  }
}

/// Returns the smallest multiple of 32 pixels such that operands fit each other, and every level of Detect (the last
/// node) divides the input, for all inputs that are multiples of it. Throws Error with the row at fault if none up to
/// 1024 is.
int find_stride(const Graph& graph) {
  constexpr int kMin = 32, kMax = 1024;
  std::string why;
  for (int stride = kMin; stride <= kMax; stride += kMin) {
    try {
      for (const Extent multiple : {Extent{1, 1}, Extent{2, 3}, Extent{3, 2}})
        require_fit(graph, {multiple.h * stride, multiple.w * stride});
      return stride;
    } catch (const Error& error) {
      why = error.what();  // keeps the largest input's error: a small input may just be too small
    }
  }
  throw Error(why);
}

/// Runs `body` and turns failed allocations into Error.
template <class Body>
auto with_memory(const std::string& what, const Body& body) {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    throw Error(what + ": out of memory");
  } catch (const std::length_error&) {
    throw Error(what + ": out of memory");
  }
}

/// Runs `body`, adds the path to its errors, and turns failed allocations into Error.
template <class Body>
auto with_path_and_memory(const std::string& path, const Body& body) {
  return with_memory(path, [&] {
    try {
      return body();
    } catch (const Error& error) {
      throw Error(path + ": " + error.what());
    }
  });
}

}  // namespace

Graph build_graph(const Description& description, const WeightSource& weights) {
  Graph graph;
  graph.add_value(description.channels);
  for (const TableRow& row : description.rows) {
    try {
      graph.rows.push_back({row.label, kNone});
      add_row(description, row, weights, graph);
      const bool last = &row == &description.rows.back();
      if ((row.module == "Detect") != last) throw Error(last ? "the last row must be Detect" : "must be the last row");
    } catch (const Error& error) {
      throw Error(description.path + ": " + row.label + ": " + error.what());
    }
  }
  if (graph.rows.empty()) throw Error(description.path + ": the network table has no rows");
  for (const auto& [conv, function] : description.activations.exceptions)
    if (!graph.convs.contains(conv))
      throw Error(description.path + ": \"activations\" names " + conv + ", which is not a Conv of the network");
  graph.output = graph.rows.back().output;
  try {
    graph.stride = find_stride(graph);
  } catch (const Error& error) {
    throw Error(description.path + ": " + error.what());
  }
  return graph;
}

namespace {

/// Builds and optimises a description's graph; quantises it if the weights have ranges. Throws Error.
Graph load_graph(const Description& description, const WeightSource& weights) {
  Graph graph = build_graph(description, weights);
  optimise(graph);
  try {
    quantize(graph, weights);
  } catch (const Error& error) {
    throw Error(description.path + ": " + error.what());
  }
  return graph;
}

/// Shapes of a weights file. Like NoWeights it has no values, and leaves batch norm unfolded.
class FileShapes final : public WeightSource {
 public:
  explicit FileShapes(const std::string& path) : file_(path) {}

  bool has(const std::string&) const override { return false; }
  std::vector<int> shape(const std::string& name) const override { return file_.shape(name); }
  Values values(const std::string&, const std::vector<int>&) const override { return {}; }

 private:
  FileWeights file_;
};

}  // namespace

std::shared_ptr<const PackedWeights> Model::Impl::cpu_weights(Type type, ThreadPool* pool) const {
  const std::lock_guard lock(mutex_);
  std::weak_ptr<const PackedWeights>& shared = cpu_weights_[type];
  std::shared_ptr<const PackedWeights> packed = shared.lock();
  if (packed) return packed;
  packed = with_path_and_memory(description.path,
                                [&] { return std::make_shared<const PackedWeights>(pack_for_cpu(graph, type, pool)); });
  shared = packed;
  return packed;
}

PackedWeights Model::Impl::cuda_weights(Type type) const {
  return with_path_and_memory(description.path, [&] { return pack_for_cuda(graph, type); });
}

Model Model::load(const std::string& description, const std::string& weights) {
  return with_memory(description, [&] {
    auto impl = std::make_shared<Impl>();
    impl->description = read_description(description);
    impl->weights_path = weights.empty() ? impl->description.weights : weights;
    if (impl->weights_path.empty()) throw Error(description + ": names no weights file");
    const FileWeights source(impl->weights_path);
    impl->graph = load_graph(impl->description, source);
    source.require_all_used();
    return Model(impl);
  });
}

Model Model::Impl::make(Description description, const WeightSource& weights) {
  const std::string path = description.path;
  return with_memory(path, [&] {
    auto impl = std::make_shared<Impl>();
    impl->description = std::move(description);
    impl->weights_path = path;
    impl->graph = load_graph(impl->description, weights);
    return Model(impl);
  });
}

std::unique_ptr<const WeightSource> weight_shapes(const Description& description) {
  if (description.weights.empty() || !std::filesystem::exists(description.weights))
    return std::make_unique<NoWeights>();
  return std::make_unique<FileShapes>(description.weights);
}

const std::string& Model::path() const {
  return impl_->description.path;
}

const std::string& Model::weights_path() const {
  return impl_->weights_path;
}

const std::vector<std::string>& Model::names() const {
  return impl_->description.names;
}

Size Model::input_size() const {
  return impl_->description.input;
}

int Model::channels() const {
  return impl_->description.channels;
}

bool Model::quantized() const {
  return !impl_->graph.quantizations.empty();
}

int Model::stride() const {
  return impl_->graph.stride;
}

}  // namespace cudet
