// A model as the runtime holds it: the description, and the network's graph with its weights.
#pragma once
#include "runtime/description.h"
#include "runtime/program.h"

namespace cudet {

/// Adds every row of the table to a graph, unfused: what `inspect` counts and optimise() makes quick. Throws Error with
/// the path and the row's label.
Graph build_graph(const Description& description, const WeightSource& weights);

/// The optimised graph of a description with its weights: `weights`, or the file that it names. Throws Error.
Graph load_graph(const Description& description, const std::string& weights_path);

struct Model::Impl {
  Description description;
  std::string weights_path;
  Graph graph;            // optimised; its weights are in `weights` alone
  PackedWeights weights;  // as the CPU's kernels read them
};

}  // namespace cudet
