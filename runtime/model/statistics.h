// What a network costs, counted from its graph.
#pragma once
#include <vector>

#include "layers/graph.h"

namespace cudet {

/// A row of the network table at one input size, for one picture.
struct RowStatistics {
  int channels;  // of the result
  Extent extent;
  std::size_t parameters;
  double flops;  // as Ultralytics counts: 2 a multiply-add of every convolution, 8 an element of every batch norm
  double executed_flops;  // with batch norm folded, and with the zeros that DySample's style pl multiplies by
};

/// Statistics of every row of a graph that was not optimised.
std::vector<RowStatistics> count_rows(const Graph& graph, Extent input);

}  // namespace cudet
