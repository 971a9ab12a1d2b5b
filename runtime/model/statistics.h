// Counts a network's parameters and arithmetic from its graph.
#pragma once
#include <vector>

#include "layers/graph.h"

namespace cudet {

/// A row of the network table at one input size, for one image.
struct RowStatistics {
  int channels;  // of the row's result
  Extent extent;
  std::size_t parameters;
  double flops;           // as Ultralytics counts: 2 per multiply-add of convolutions, 8 per element of batch norms
  double executed_flops;  // with batch norm folded; includes multiplications by zero in DySample's style pl
};

/// Counts every row of a graph that is not optimised.
std::vector<RowStatistics> count_rows(const Graph& graph, Extent input);

}  // namespace cudet
