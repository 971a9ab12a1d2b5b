// Nearest-neighbour upsampling.
#pragma once
#include "kernels/step_info.h"
#include "kernels/vectors.h"

namespace cudet {

/// y(i, v, u, k) = x(i, v / scale, u / scale, k), divisions rounded down.
struct Upsample {
  static constexpr const char* kName = "upsample";
  Tensor x;   // N, H, W, C
  Tensor y;   // N, scale·H, scale·W, C
  int scale;  // >= 1

  /// One tile per row of y.
  CUDET_HD int tiles() const { return y.n * y.h; }
};

void run_reference(const Upsample&, const Memory&);                      // f32 or u8
void upsample_cpu(const Upsample&, const Memory&, int first, int last);  // f32 or u8; tiles [first, last)
void upsample_cuda(const Upsample&, const Memory&, const CudaStream&);   // f32 or f16

/// For CUDA: whether a thread computes a vector of 16 bytes, not a single element; and the map that the threads divide.
inline bool has_vectors(const Upsample& op) {
  return vectorizable(op.x) && vectorizable(op.y);
}
inline const Tensor& vector_map(const Upsample& op) {
  return op.x;
}

StepInfo describe(const Upsample&);
void parse_shape(ShapeParser&, Upsample&);

}  // namespace cudet
