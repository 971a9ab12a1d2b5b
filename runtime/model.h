// A model as the runtime holds it: the description, and the network's graph with its weights.
#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "layers/layer.h"
#include "runtime/description.h"
#include "runtime/program.h"

namespace cudet {

/// Adds every row of the table to a graph, unfused: what `inspect` counts and optimise() makes quick. Throws Error with
/// the path and the row's label.
Graph build_graph(const Description& description, const WeightSource& weights);

/// The graph of a description with its weights, optimised and, if these have ranges, quantised. Throws Error.
Graph load_graph(const Description& description, const std::string& weights_path);

struct Model::Impl {
  Description description;
  std::string weights_path;
  std::unique_ptr<const WeightSource> weights;  // as the file has them
  Graph graph;  // optimised, quantised if the weights have ranges; its parameters have shapes and no values

  /// The same graph with values: what an executor's weights are packed from. The first who asks gets what load() made,
  /// later ones what is made anew.
  Graph graph_with_values() const;
  /// The weights as the CPU's kernels of this type read them: packed by the first who asks, shared while anyone holds
  /// them.
  std::shared_ptr<const PackedWeights> cpu_weights(Type type = Type::f32) const;

  /// Takes the finished graph.
  void set_graph(Graph with_values);

 private:
  mutable std::mutex values_mutex_;
  mutable std::vector<std::vector<float>> values_;  // of each parameter, until someone asks
  mutable std::mutex mutex_;
  mutable std::map<Type, std::weak_ptr<const PackedWeights>> cpu_weights_;
};

}  // namespace cudet
