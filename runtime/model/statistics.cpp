#include "runtime/model/statistics.h"

namespace cudet {

std::vector<RowStatistics> count_rows(const Graph& graph, Extent input) {
  const std::vector<Extent> extents = infer_extents(graph, input);
  const auto pixels = [&](ValueId v) {
    const Extent e = extents[v];
    return static_cast<double>(e.h) * e.w;
  };
  std::vector<RowStatistics> rows;
  for (const GraphRow& row : graph.rows) {
    const std::size_t v = static_cast<std::size_t>(row.output);
    rows.push_back({graph.channels[v], extents[v], row.parameters, 0, 0});
  }
  for (const Node& node : graph.nodes) {
    RowStatistics& row = rows[node.row];  // other operators than these count nothing, as in Ultralytics
    if (const auto* conv = std::get_if<ConvOp>(&node.op)) {
      const std::vector<int>& shape = graph.parameters[conv->weight].shape;
      const double flops = 2 * pixels(node.output) * shape[0] * shape[1] * shape[2] * shape[3];
      row.flops += flops * conv->density;
      row.executed_flops += flops;
    } else if (const auto* transposed = std::get_if<ConvTransposeOp>(&node.op)) {
      // Ultralytics counts R·S taps per pixel of the output, though they are per pixel of the input.
      const std::vector<int>& shape = graph.parameters[transposed->weight].shape;
      const double flops_per_pixel = 2.0 * shape[0] * shape[1] * shape[2] * shape[3];
      row.flops += flops_per_pixel * pixels(node.output);
      row.executed_flops += flops_per_pixel * pixels(node.inputs[0]);
    } else if (std::holds_alternative<BatchNormOp>(node.op)) {
      row.flops += 8 * pixels(node.output) * graph.channels[node.output];
    } else if (const auto* decode = std::get_if<DetectDecodeOp>(&node.op)) {
      const double flops =
          2 * pixels(node.output) * 4 * decode->bins;  // DFL's sum, which Ultralytics counts as a 1×1 convolution
      row.flops += flops;
      row.executed_flops += flops;
    }
  }
  return rows;
}

}  // namespace cudet
