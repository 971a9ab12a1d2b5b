#include "layers/graph.h"

#include "kernels/error.h"
#include "kernels/shape_text.h"

namespace cudet {

std::size_t element_count(const std::vector<int>& shape) {
  std::size_t count = 1;
  for (const int side : shape) count *= static_cast<std::size_t>(side);
  return count;
}

std::vector<float> read_values(const Values& values, std::size_t count) {
  std::vector<float> out(count);
  values(out);
  return out;
}

std::vector<Extent> infer_extents(const Graph& graph, Extent input) {
  std::vector<Extent> extents(graph.channels.size()), inputs;
  extents[0] = input;
  for (const Node& node : graph.nodes) {
    inputs.clear();
    for (const ValueId x : node.inputs) inputs.push_back(extents[x]);
    try {
      const Extent y = std::visit([&](const auto& op) { return op.output_extent(inputs); }, node.op);
      if (y.h < 1 || y.w < 1) throw Error("nothing is left of an input of " + to_text(input) + " pixels");
      if (static_cast<long long>(y.h) * y.w > kMaxPixels)
        throw Error("a map of " + to_text(y) + " pixels is too large");
      extents[node.output] = y;
    } catch (const Error& error) {
      throw Error(graph.rows[node.row].label + ": " + error.what());
    }
  }
  return extents;
}

std::vector<int> count_readers(const Graph& graph) {
  std::vector<int> readers(graph.channels.size(), 0);
  for (const Node& node : graph.nodes)
    for (const ValueId value : node.inputs) ++readers[value];
  return readers;
}

}  // namespace cudet
