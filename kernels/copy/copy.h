// A copy between slices: what Concat needs where its operand cannot be placed.
#pragma once
#include "kernels/step_info.h"
#include "kernels/tensor.h"

namespace cudet {

/// y(i, v, u, k) = x(i, v, u, k).
struct Copy {
  static constexpr const char* kName = "copy";
  Tensor x, y;  // N, H, W, C; not overlapping

  /// One tile a row.
  CUDET_HD int tiles() const { return y.n * y.h; }
};

void run_reference(const Copy&, const Memory&);                  // f32 or u8
void copy_cpu(const Copy&, const Memory&, int first, int last);  // f32 or u8; tiles [first, last)
void copy_cuda(const Copy&, const Memory&, const CudaStream&);   // f32 or f16

StepInfo describe(const Copy&);
void parse_shape(ShapeParser&, Copy&);

}  // namespace cudet
