#include "runtime/compile/passes.h"

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "kernels/error.h"

namespace cudet {
namespace {

/// Returns the index of the node that produces each value; kNone for the input.
std::vector<int> find_producers(const Graph& graph) {
  std::vector<int> producer(graph.channels.size(), kNone);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i)
    producer[static_cast<std::size_t>(graph.nodes[i].output)] = static_cast<int>(i);
  return producer;
}

void remove_nodes(Graph& graph, const std::vector<bool>& remove) {
  std::vector<Node> kept;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i)
    if (!remove[i]) kept.push_back(std::move(graph.nodes[i]));
  graph.nodes = std::move(kept);
}

void fold(Graph& graph, ConvOp& conv, const BatchNormOp& norm) {
  const auto parameter = [&](ParameterId id) -> Parameter& { return graph.parameters[id]; };
  const int channels = parameter(conv.weight).shape[0];
  if (conv.bias == kNone) conv.bias = graph.add_parameter({{channels}, {}});
  Values &weight = parameter(conv.weight).values, &bias = parameter(conv.bias).values;
  if (!weight) return;
  const auto read_factors = [gain = parameter(norm.gain).values, variance = parameter(norm.variance).values,
                             eps = norm.eps, count = static_cast<std::size_t>(channels)] {
    const std::vector<float> gains = read_values(gain, count), variances = read_values(variance, count);
    std::vector<double> factors(count);
    for (std::size_t k = 0; k < count; ++k) factors[k] = gains[k] / std::sqrt(variances[k] + eps);
    return factors;
  };
  weight = [plain = weight, read_factors](std::span<float> out) {
    plain(out);
    const std::vector<double> factors = read_factors();
    const std::size_t depth = out.size() / factors.size();
    for (std::size_t k = 0; k < factors.size(); ++k)
      for (float& w : out.subspan(k * depth, depth)) w = static_cast<float>(w * factors[k]);
  };
  bias = [plain = bias, shift = parameter(norm.bias).values, mean = parameter(norm.mean).values,
          read_factors](std::span<float> out) {
    if (plain)
      plain(out);
    else
      std::fill(out.begin(), out.end(), 0.0f);
    const std::vector<float> shifts = read_values(shift, out.size()), means = read_values(mean, out.size());
    const std::vector<double> factors = read_factors();
    for (std::size_t k = 0; k < out.size(); ++k)
      out[k] = static_cast<float>(shifts[k] + (out[k] - means[k]) * factors[k]);
  };
}

/// Merges each node of operator Op into the convolution that produces the later of its inputs; no other node may read
/// that input. merge(conv, op, earlier) changes the convolution, which then produces the node's output; `earlier` is
/// the other input of a binary operator. A node that cannot be merged remains if it is an AddOp, which has a kernel of
/// its own; otherwise throws Error.
template <class Op, class Merge>
void absorb(Graph& graph, const Merge& merge) {
  const std::vector<int> producer = find_producers(graph), readers = count_readers(graph);
  const auto producing_node = [&](ValueId v) { return producer[v]; };
  std::vector<bool> remove(graph.nodes.size());
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    Node& node = graph.nodes[i];
    const Op* op = std::get_if<Op>(&node.op);
    if (!op) continue;
    ValueId later = node.inputs.front(), earlier = node.inputs.back();
    if (producing_node(later) < producing_node(earlier)) std::swap(later, earlier);
    Node* conv = producing_node(later) == kNone ? nullptr : &graph.nodes[producing_node(later)];
    bool mergeable = conv && std::holds_alternative<ConvOp>(conv->op) && readers[later] == 1;
    if constexpr (std::is_same_v<Op, AddOp>)
      mergeable = mergeable && !std::get<ConvOp>(conv->op).add;  // a convolution has one residual
    if (!mergeable) {
      if constexpr (std::is_same_v<Op, AddOp>) continue;
      throw Error(graph.rows[node.row].label + ": " + node.name + " does not follow a convolution that only it reads");
    }
    merge(*conv, *op, earlier);
    conv->output = node.output;
    remove[i] = true;
  }
  remove_nodes(graph, remove);
}

}  // namespace

void fold_batch_norm(Graph& graph) {
  absorb<BatchNormOp>(
      graph, [&](Node& conv, const BatchNormOp& norm, ValueId) { fold(graph, std::get<ConvOp>(conv.op), norm); });
}

void fuse_activation(Graph& graph) {
  absorb<ActivationOp>(graph, [](Node& conv, const ActivationOp& activation, ValueId) {
    std::get<ConvOp>(conv.op).activation = activation.function;
  });
}

void fuse_residual(Graph& graph) {
  absorb<AddOp>(graph, [](Node& conv, const AddOp&, ValueId earlier) {
    std::get<ConvOp>(conv.op).add = true;
    conv.inputs.push_back(earlier);
  });
}

void drop_unused(Graph& graph) {
  std::vector<bool> used(graph.channels.size()), remove(graph.nodes.size());
  used[graph.output] = true;
  for (std::size_t i = graph.nodes.size(); i-- > 0;) {
    remove[i] = !used[static_cast<std::size_t>(graph.nodes[i].output)];
    if (remove[i]) continue;
    for (const ValueId x : graph.nodes[i].inputs) used[x] = true;
  }
  remove_nodes(graph, remove);
}

void slice_concats(Graph& graph) {
  std::vector<Slice>& slices = graph.slices;
  slices.assign(graph.channels.size(), {});
  for (const Node& node : graph.nodes)
    if (const auto* slice = std::get_if<SliceOp>(&node.op)) slices[node.output] = {node.inputs[0], slice->first};

  std::vector<Node> nodes;
  for (Node& node : graph.nodes) {
    if (std::holds_alternative<ConcatOp>(node.op)) {
      int first = 0;
      for (ValueId& x : node.inputs) {
        const int channels = graph.channels[x];
        if (x == 0 || slices[x].parent != kNone) {
          const ValueId copy = graph.add_value(channels);
          slices.emplace_back();
          nodes.push_back({CopyOp{}, {x}, copy, node.row, node.name + ".copy"});
          x = copy;
        }
        slices[x] = {node.output, first};
        first += channels;
      }
    }
    nodes.push_back(std::move(node));
  }
  graph.nodes = std::move(nodes);
}

void optimise(Graph& graph) {
  fold_batch_norm(graph);
  fuse_activation(graph);
  fuse_residual(graph);
  drop_unused(graph);
  slice_concats(graph);
}

}  // namespace cudet
