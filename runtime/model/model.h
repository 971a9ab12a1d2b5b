// The runtime's representation of a model: its description and its graph.
#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "layers/layer.h"
#include "runtime/compile/packing.h"
#include "runtime/model/description.h"

namespace cudet {

/// Builds a graph from the rows of the table. The result is not fused: `inspect` counts it, optimise() fuses it. Throws
/// Error with the path and the row's label.
Graph build_graph(const Description& description, const WeightSource& weights);

/// Returns the shapes of a description's weights: from the weights file if there is one, else NoWeights.
std::unique_ptr<const WeightSource> weight_shapes(const Description& description);

struct Model::Impl {
  /// Makes a model of weights that are not in a file of their own. Throws Error.
  static Model make(Description description, const WeightSource& weights);

  Description description;
  std::string weights_path;
  Graph graph;  // optimised, quantised if the weights have ranges

  /// Returns the weights packed for the CPU's kernels of this type. The first caller packs them, on the threads of
  /// `pool` if given; later callers share them while any caller still holds them.
  /// Throws Error with the path.
  std::shared_ptr<const PackedWeights> cpu_weights(Type type = Type::f32, ThreadPool* pool = nullptr) const;
  /// The same for CUDA's kernels, packed at each call.
  PackedWeights cuda_weights(Type type) const;

 private:
  mutable std::mutex mutex_;
  mutable std::map<Type, std::weak_ptr<const PackedWeights>> cpu_weights_;
};

}  // namespace cudet
