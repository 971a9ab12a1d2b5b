// Zeros around a tensor.
#pragma once
#include "kernels/step_info.h"
#include "kernels/vectors.h"

namespace cudet {

/// y(i, v, u, k) = x(i, v − top, u − left, k), and 0 outside of x. Equals torch.nn.ZeroPad2d.
struct Pad {
  static constexpr const char* kName = "pad";
  Tensor x;       // N, H, W, C
  Tensor y;       // N, top + H + bottom, left + W + right, C; does not overlap x
  int top, left;  // pixels, >= 0; bottom and right follow from the sizes and are >= 0 too

  /// One tile per row of y.
  CUDET_HD int tiles() const { return y.n * y.h; }
};

void run_reference(const Pad&, const Memory&);                 // f32
void pad_cpu(const Pad&, const Memory&, int first, int last);  // f32; tiles [first, last)
void pad_cuda(const Pad&, const Memory&, const CudaStream&);   // f32 or f16

/// For CUDA: whether a thread computes a vector of 16 bytes, not a single element; and the map that the threads divide.
inline bool has_vectors(const Pad& op) {
  return vectorizable(op.x) && vectorizable(op.y);
}
inline const Tensor& vector_map(const Pad& op) {
  return op.y;
}

StepInfo describe(const Pad&);
void parse_shape(ShapeParser&, Pad&);

}  // namespace cudet
