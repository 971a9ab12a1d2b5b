// Packing: a graph's constants in the order in which the kernels of one executor read them.
#pragma once
#include <vector>

#include "layers/graph.h"
#include "runtime/buffer.h"
#include "runtime/thread_pool.h"

namespace cudet {

struct PackedWeights {
  Buffer bytes;
  static constexpr std::size_t kNotPacked = static_cast<std::size_t>(-1);
  std::vector<std::size_t> offsets;  // bytes, per parameter of the graph; kNotPacked if no kernel reads it
};

/// Returns a convolution without its tensors' addresses and sizes: what packing and planning of weights depend on.
Conv2d describe_conv(const Graph& graph, const ConvOp& op);

/// Returns weights without bytes, all at offset 0, for Programs that are inspected and not run.
PackedWeights no_weights(const Graph& graph);

/// Packs convolution weights for conv2d_cpu, or with type u8 for conv2d_int8_cpu. The pool's threads, if given, share
/// the work. Throws Error with the module's name if its weights are not finite, and what reading them throws.
PackedWeights pack_for_cpu(const Graph& graph, Type type = Type::f32, ThreadPool* pool = nullptr);
/// Packs convolution weights for conv2d_cuda in `type`; biases are f32. Throws Error with the module's name if a weight
/// overflows f16, and what reading the weights throws.
PackedWeights pack_for_cuda(const Graph& graph, Type type);
/// Packs convolution weights for run_reference.
PackedWeights pack_for_reference(const Graph& graph);

}  // namespace cudet
