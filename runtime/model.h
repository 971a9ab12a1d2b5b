// A model as the runtime holds it: the description, and the network's graph with its weights.
#pragma once
#include <memory>
#include <mutex>

#include "runtime/description.h"
#include "runtime/program.h"

namespace cudet {

/// Adds every row of the table to a graph, unfused: what `inspect` counts and optimise() makes quick. Throws Error with
/// the path and the row's label.
Graph build_graph(const Description& description, const WeightSource& weights);

/// The least multiple of 32 pixels by which inputs may grow so that every map, and every operand of a Concat, still
/// fits; 32 where there is none up to 1024.
int find_stride(const Graph& graph);

/// The least multiple of `stride` that is no less than `size`.
constexpr int round_up(int size, int stride) {
  return (size + stride - 1) / stride * stride;
}

struct Model::Impl {
  Description description;
  Graph graph;  // optimised
  int stride;

  /// The weights as the CPU's kernels read them: packed at the first call, shared by all detectors.
  std::shared_ptr<const PackedWeights> cpu_weights() const;

 private:
  mutable std::mutex mutex_;
  mutable std::shared_ptr<const PackedWeights> cpu_weights_;
};

}  // namespace cudet
