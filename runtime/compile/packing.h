// Packs a graph's constants in the order in which the kernels of one executor read them.
#pragma once
#include <vector>

#include "kernels/conv_transpose2d/conv_transpose2d.h"
#include "layers/graph.h"
#include "runtime/buffer.h"
#include "runtime/step.h"
#include "runtime/thread_pool.h"

namespace cudet {

struct PackedWeights {
  Buffer bytes;
  static constexpr std::size_t kNotPacked = static_cast<std::size_t>(-1);
  std::vector<std::size_t> offsets;  // bytes, per parameter of the graph; kNotPacked if no kernel reads it
};

/// Returns a convolution without its tensors' offsets and sizes; the packing of weights depends on nothing else.
Conv2d describe_conv(const Graph& graph, const ConvOp& op);
ConvTranspose2d describe_conv(const Graph& graph, const ConvTransposeOp& op);

/// Bytes of a convolution's packed weight and bias.
struct PackedSize {
  std::size_t weight, bias;

  /// Bytes in PackedWeights, where each of the two is aligned.
  std::size_t total() const { return align_up(weight) + align_up(bias); }
};

/// Returns the packed size for a kernel of CUDA, or of the CPU. The types of the input and the weight decide which
/// kernel.
PackedSize packed_size(const Conv2d& conv, bool cuda = false);
/// The same for a transposed convolution, whose packing is the same for both.
PackedSize packed_size(const ConvTranspose2d& conv, bool cuda = false);

/// Returns the bytes of a step's packed weights, 0 if it has none.
std::size_t packed_bytes(const Step& step, bool cuda = false);

/// Returns weights without bytes, all at offset 0, for Programs that are inspected and not run.
PackedWeights no_weights(const Graph& graph);

/// Packs convolution weights for the CPU's kernels: of conv2d, or of conv2d_int8 with type u8. The pool's threads, if
/// given, share the work. Throws Error with the module's name if its weights are not finite, or if reading them fails.
PackedWeights pack_for_cpu(const Graph& graph, Type type = Type::f32, ThreadPool* pool = nullptr);
/// Packs convolution weights for conv2d_cuda in `type`; biases are f32. Throws Error with the module's name if a weight
/// overflows f16, or if reading the weights fails.
PackedWeights pack_for_cuda(const Graph& graph, Type type);
/// Packs convolution weights for run_reference.
PackedWeights pack_for_reference(const Graph& graph);

}  // namespace cudet
