// The sum of two tensors: a residual that no convolution can add in its epilogue.
#pragma once
#include "kernels/step_info.h"
#include "kernels/vectors.h"

namespace cudet {

/// y(i, v, u, k) = a(i, v, u, k) + b(i, v, u, k).
struct Add {
  static constexpr const char* kName = "add";
  Tensor a, b;  // N, H, W, C; may be the same, or share elements
  Tensor y;     // N, H, W, C; overlaps neither a nor b

  /// One tile per row.
  CUDET_HD int tiles() const { return y.n * y.h; }
};

void run_reference(const Add&, const Memory&);                 // f32
void add_cpu(const Add&, const Memory&, int first, int last);  // f32; tiles [first, last)
void add_cuda(const Add&, const Memory&, const CudaStream&);   // all f32, or all f16: added in f32 and rounded once

/// For CUDA: whether a thread computes a vector of 16 bytes, not a single element; and the map that the threads divide.
inline bool has_vectors(const Add& op) {
  return vectorizable(op.a) && vectorizable(op.b) && vectorizable(op.y);
}
inline const Tensor& vector_map(const Add& op) {
  return op.y;
}

StepInfo describe(const Add&);
void parse_shape(ShapeParser&, Add&);

}  // namespace cudet
