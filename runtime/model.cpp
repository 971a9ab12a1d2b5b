#include "runtime/model.h"

#include <algorithm>
#include <new>

#include "runtime/passes.h"
#include "runtime/safetensors.h"

namespace cudet {
namespace {

constexpr std::size_t kMostNodes = 20000;  // of a graph: bounds the work on a hostile description

std::string text(const std::vector<std::int64_t>& shape) {
  std::string out = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) out += (i ? ", " : "") + std::to_string(shape[i]);
  return out + "]";
}

/// Weights of a safetensors file.
class FileWeights final : public WeightSource {
 public:
  explicit FileWeights(const std::string& path) : path_(path), file_(Safetensors::read(path)) {}

  bool has(const std::string& name) const override { return file_.find(name) != nullptr; }
  std::vector<float> read(const std::string& name, const std::vector<int>& shape) const override {
    const StoredTensor* tensor = file_.find(name);
    if (!tensor) throw Error(name + " is missing from " + path_);
    if (const std::vector<std::int64_t> wanted(shape.begin(), shape.end()); tensor->shape != wanted)
      throw Error(name + " has shape " + text(tensor->shape) + ", needs " + text(wanted));
    return tensor->to_f32();
  }

 private:
  std::string path_;
  Safetensors file_;
};

void add_row(const Description& description, const TableRow& row, const WeightSource& weights, Graph& graph) {
  const int index = static_cast<int>(graph.rows.size()) - 1;
  const LayerType* layer = find_layer(row.module);
  if (!layer) throw Error("unknown module \"" + row.module + "\"");
  const int repeats = description.scaling.repeats(row.repeats);
  LayerContext context{graph,
                       weights,
                       description.scaling,
                       static_cast<int>(description.names.size()),
                       description.bn_eps,
                       index,
                       "model." + std::to_string(index),
                       {},
                       layer->repeats_inside ? repeats : 1,
                       row.arguments};
  for (const int from : row.from)
    context.inputs.push_back(from == kNone ? 0 : graph.rows[static_cast<std::size_t>(from)].output);
  const int chain = layer->repeats_inside ? 1 : repeats;
  const std::string prefix = context.prefix;
  for (int i = 0; i < chain; ++i) {
    if (chain > 1) context.prefix = prefix + "." + std::to_string(i);
    context.arguments = row.arguments;
    context.inputs = {layer->build(context)};
    if (graph.nodes.size() > kMostNodes) throw Error("more than " + std::to_string(kMostNodes) + " operators");
  }
  graph.rows.back().output = context.inputs.front();
}

bool fits(const Graph& graph, Extent input) {
  try {
    const std::vector<Extent> extents = infer_extents(graph, input);
    for (const ValueId level : graph.nodes.back().inputs) {
      const Extent map = extents[static_cast<std::size_t>(level)];
      if (input.h % map.h != 0 || input.w % map.w != 0) return false;
    }
    return true;
  } catch (const Error&) {
    return false;
  }
}

/// Runs `body`; what the system has no memory for becomes an Error.
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

}  // namespace

Graph build_graph(const Description& description, const WeightSource& weights) {
  Graph graph;
  graph.add_value(3);
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
  graph.output = graph.rows.back().output;
  try {  // what the table does not say of itself: whether maps fit each other
    const int stride = find_stride(graph);
    infer_extents(graph, {round_up(description.input.height, stride), round_up(description.input.width, stride)});
  } catch (const Error& error) {
    throw Error(description.path + ": " + error.what());
  }
  return graph;
}

int find_stride(const Graph& graph) {
  for (int stride = 32; stride <= 1024; stride += 32)
    if (fits(graph, {stride, stride}) && fits(graph, {2 * stride, 3 * stride}) && fits(graph, {3 * stride, 2 * stride}))
      return stride;
  return 32;
}

std::shared_ptr<const PackedWeights> Model::Impl::cpu_weights() const {
  const std::lock_guard lock(mutex_);
  if (!cpu_weights_) cpu_weights_ = std::make_shared<const PackedWeights>(pack_for_cpu(graph));
  return cpu_weights_;
}

Model Model::load(const std::string& description, const std::string& weights) {
  return with_memory(description, [&] {
    auto impl = std::make_shared<Impl>();
    impl->description = read_description(description);
    const std::string path = weights.empty() ? impl->description.weights : weights;
    if (path.empty()) throw Error(description + ": names no weights");
    impl->graph = build_graph(impl->description, FileWeights(path));
    optimise(impl->graph);
    impl->stride = find_stride(impl->graph);
    return Model(impl);
  });
}

const std::string& Model::path() const {
  return impl_->description.path;
}

const std::vector<std::string>& Model::names() const {
  return impl_->description.names;
}

Size Model::input_size() const {
  return impl_->description.input;
}

int Model::stride() const {
  return impl_->stride;
}

}  // namespace cudet
