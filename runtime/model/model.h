// A model as the runtime holds it: the description, and the network's graph with its weights.
#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "layers/layer.h"
#include "runtime/model/description.h"
#include "runtime/program.h"

namespace cudet {

/// Adds every row of the table to a graph, unfused: what `inspect` counts and optimise() makes quick. Throws Error with
/// the path and the row's label.
Graph build_graph(const Description& description, const WeightSource& weights);

struct Model::Impl {
  Description description;
  std::string weights_path;
  Graph graph;  // optimised, quantised if the weights have ranges

  /// The weights as the CPU's kernels of this type read them: packed by the first who asks, on the threads of its pool,
  /// shared while anyone holds them.
  std::shared_ptr<const PackedWeights> cpu_weights(Type type = Type::f32, ThreadPool* pool = nullptr) const;

 private:
  mutable std::mutex mutex_;
  mutable std::map<Type, std::weak_ptr<const PackedWeights>> cpu_weights_;
};

}  // namespace cudet
