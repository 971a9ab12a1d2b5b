#include "runtime/compile/quantize.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/conv2d_int8/conv2d_int8.h"
#include "runtime/compile/packing.h"

namespace cudet {
namespace {

/// What an operator requires of its operands. A new operator needs an overload: without one its values would get a
/// wrong scale.
struct OperandRule {
  enum class Output { measured, like_first_input, always_f32 };
  Output output;
  int first_f32_input = 1 << 30;     // inputs from this one on are f32 in every precision
  bool reads_u8 = true;              // false: with u8 activations all inputs are f32
  const char* refused_as = nullptr;  // the operator's name if it has no kernel for u8
};

struct Rules {
  OperandRule operator()(const ConvOp&) const { return {OperandRule::Output::measured}; }
  OperandRule operator()(const MaxPoolOp&) const { return {OperandRule::Output::like_first_input}; }
  OperandRule operator()(const UpsampleOp&) const { return {OperandRule::Output::like_first_input}; }
  OperandRule operator()(const CopyOp&) const { return {OperandRule::Output::like_first_input}; }
  OperandRule operator()(const DySampleOp&) const { return {OperandRule::Output::like_first_input, 1}; }
  OperandRule operator()(const DetectDecodeOp&) const { return {OperandRule::Output::always_f32, 1 << 30, false}; }
  // Views: their values share a buffer.
  OperandRule operator()(const SliceOp&) const { return {OperandRule::Output::like_first_input}; }
  OperandRule operator()(const ConcatOp&) const { return {OperandRule::Output::like_first_input}; }
  OperandRule operator()(const AddOp&) const { return refused("add"); }
  OperandRule operator()(const PadOp&) const { return refused("pad"); }
  OperandRule operator()(const ResizeBilinearOp&) const { return refused("resize_bilinear"); }
  OperandRule operator()(const ConvTransposeOp&) const { return refused("conv_transpose2d"); }
  // Fused into convolutions by optimise().
  OperandRule operator()(const BatchNormOp&) const { return fused(); }
  OperandRule operator()(const ActivationOp&) const { return fused(); }

 private:
  static OperandRule refused(const char* name) {
    OperandRule float_only{OperandRule::Output::like_first_input};
    float_only.refused_as = name;
    return float_only;
  }
  static OperandRule fused() { throw Error("the graph was not optimised"); }
};

OperandRule rule(const Node& node) {
  try {
    return std::visit(Rules{}, node.op);
  } catch (const Error& error) {
    throw Error(node.name + ": " + error.what());
  }
}

struct Range {
  float low = 0, high = 0;
};

/// Sets of values that share a quantisation: a union-find over the graph's values.
class Groups {
 public:
  explicit Groups(const Graph& graph) : parent_(graph.slices.size()) {
    std::iota(parent_.begin(), parent_.end(), 0);
    for (std::size_t v = 0; v < graph.slices.size(); ++v)
      if (graph.slices[v].parent != kNone) join(static_cast<ValueId>(v), graph.slices[v].parent);
    for (const Node& node : graph.nodes)
      if (rule(node).output == OperandRule::Output::like_first_input) join(node.inputs[0], node.output);
  }
  /// Returns the value that represents v's set.
  ValueId find(ValueId v) const {
    while (parent_[v] != v) v = parent_[v];
    return v;
  }

 private:
  void join(ValueId a, ValueId b) { parent_[find(a)] = find(b); }
  std::vector<ValueId> parent_;
};

Range read_range(const WeightSource& weights, const std::string& module) {
  const std::vector<float> values = read_values(weights.values(range_name(module), {2}), 2);
  if (!std::isfinite(values[0]) || !std::isfinite(values[1]) || values[0] > values[1])
    throw Error(range_name(module) + " is not a range: it needs a finite minimum and maximum");
  return {values[0], values[1]};
}

/// Whether the output range of a node is measured and used: it is a convolution whose output is u8.
bool is_measured(const Node& node, const std::vector<Type>& types) {
  return rule(node).output == OperandRule::Output::measured && types[node.output] == Type::u8;
}

}  // namespace

std::vector<Type> value_types(const Graph& graph, Type activations) {
  std::vector<Type> types(graph.channels.size(), activations);
  const auto set_f32 = [&](ValueId v) { types[v] = Type::f32; };
  for (const Node& node : graph.nodes) {
    const OperandRule operands = rule(node);
    if (operands.output == OperandRule::Output::always_f32) set_f32(node.output);
    const bool all_f32 = activations == Type::u8 && !operands.reads_u8;
    for (int i = 0; i < static_cast<int>(node.inputs.size()); ++i)
      if (all_f32 || i >= operands.first_f32_input) set_f32(node.inputs[i]);
  }
  return types;
}

std::vector<std::string> measured_modules(const Graph& graph) {
  const std::vector<Type> types = value_types(graph, Type::u8);
  std::vector<std::string> modules;
  for (const Node& node : graph.nodes)
    if (is_measured(node, types)) modules.push_back(node.name);
  return modules;
}

void require_quantizable(const Graph& graph) {
  const Groups groups(graph);
  for (const Node& node : graph.nodes) {
    if (const char* refused = rule(node).refused_as)
      throw Error(node.name + ": int8 does not support the operator " + refused);
    if (groups.find(node.output) == groups.find(0))
      throw Error(node.name + ": shares the buffer of the network's input, which int8 does not support");
    const auto* conv = std::get_if<ConvOp>(&node.op);
    if (conv && !conv2d_int8_fits(describe_conv(graph, *conv)))
      throw Error(node.name + ": its window is too large for int8");
  }
}

void quantize(Graph& graph, const WeightSource& weights) {
  if (std::none_of(graph.nodes.begin(), graph.nodes.end(),
                   [&](const Node& node) { return weights.has(range_name(node.name)); }))
    return;
  require_quantizable(graph);

  const std::vector<Type> types = value_types(graph, Type::u8);
  const Groups groups(graph);
  std::vector<Range> ranges(graph.channels.size());
  for (const Node& node : graph.nodes) {
    if (!is_measured(node, types)) continue;
    const Range range = read_range(weights, node.name);
    Range& shared = ranges[groups.find(node.output)];
    shared = {std::min(shared.low, range.low), std::max(shared.high, range.high)};
  }
  graph.quantizations.resize(graph.channels.size());
  for (std::size_t v = 0; v < graph.channels.size(); ++v) {
    const Range& range = ranges[static_cast<std::size_t>(groups.find(static_cast<ValueId>(v)))];
    graph.quantizations[v] = quantization_of(range.low, range.high);
  }
  graph.quantizations[0] = {1.0f / 255, 0};
}

}  // namespace cudet
