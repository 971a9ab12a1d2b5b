#include "runtime/compile/quantize.h"

#include <cmath>
#include <numeric>

#include "runtime/program.h"

namespace cudet {
namespace {

struct Range {
  float low = 0, high = 0;
};

/// Values that share a quantisation, by one of them.
class Groups {
 public:
  explicit Groups(const Graph& graph) : parent_(graph.slices.size()) {
    std::iota(parent_.begin(), parent_.end(), 0);
    for (std::size_t v = 0; v < graph.slices.size(); ++v)
      if (graph.slices[v].parent != kNone) join(static_cast<ValueId>(v), graph.slices[v].parent);
    for (const Node& node : graph.nodes)
      if (std::holds_alternative<MaxPoolOp>(node.op) || std::holds_alternative<UpsampleOp>(node.op) ||
          std::holds_alternative<CopyOp>(node.op) || std::holds_alternative<DySampleOp>(node.op))
        join(node.inputs[0], node.output);
  }
  ValueId find(ValueId v) const {
    while (parent_[static_cast<std::size_t>(v)] != v) v = parent_[static_cast<std::size_t>(v)];
    return v;
  }

 private:
  void join(ValueId a, ValueId b) { parent_[static_cast<std::size_t>(find(a))] = find(b); }
  std::vector<ValueId> parent_;
};

Range read_range(const WeightSource& weights, const std::string& module) {
  const std::vector<float> values = read_values(weights.values(range_name(module), {2}), 2);
  if (!std::isfinite(values[0]) || !std::isfinite(values[1]) || values[0] > values[1])
    throw Error(range_name(module) + " is no range");
  return {values[0], values[1]};
}

}  // namespace

std::vector<bool> find_quantized(const Graph& graph) {
  std::vector<bool> quantized(graph.channels.size(), true);
  const auto drop = [&](ValueId v) { quantized[static_cast<std::size_t>(v)] = false; };
  drop(graph.output);
  for (const Node& node : graph.nodes) {
    if (std::holds_alternative<DySampleOp>(node.op)) drop(node.inputs[1]);
    if (std::holds_alternative<DetectDecodeOp>(node.op))
      for (const ValueId x : node.inputs) drop(x);
  }
  return quantized;
}

void require_quantizable(const Graph& graph) {
  const Groups groups(graph);
  for (const Node& node : graph.nodes) {
    if (groups.find(node.output) == groups.find(0))
      throw Error(node.name + ": shares the picture's buffer, which 8 bits do not allow");
    const auto* conv = std::get_if<ConvOp>(&node.op);
    if (conv && !conv2d_int8_fits(describe(graph, *conv)))
      throw Error(node.name + ": its window is too large for 8 bits");
  }
}

void quantize(Graph& graph, const WeightSource& weights) {
  bool any = false;
  for (const Node& node : graph.nodes) any |= weights.has(range_name(node.name));
  if (!any) return;
  require_quantizable(graph);

  const std::vector<bool> quantized = find_quantized(graph);
  const Groups groups(graph);
  std::vector<Range> ranges(graph.channels.size());
  for (const Node& node : graph.nodes) {
    if (!std::holds_alternative<ConvOp>(node.op) || !quantized[static_cast<std::size_t>(node.output)]) continue;
    const Range range = read_range(weights, node.name);
    Range& whole = ranges[static_cast<std::size_t>(groups.find(node.output))];
    whole = {std::min(whole.low, range.low), std::max(whole.high, range.high)};
  }
  graph.quantizations.resize(graph.channels.size());
  for (std::size_t v = 0; v < graph.channels.size(); ++v) {
    const Range& range = ranges[static_cast<std::size_t>(groups.find(static_cast<ValueId>(v)))];
    graph.quantizations[v] = quantization_of(range.low, range.high);
  }
  graph.quantizations[0] = {1.0f / 255, 0};
}

}  // namespace cudet
