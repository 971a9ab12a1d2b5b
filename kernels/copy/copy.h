// Copies one slice to another: Concat needs it for an operand that cannot be computed in place.
#pragma once
#include "kernels/step_info.h"
#include "kernels/upsample/upsample.h"

namespace cudet {

/// y(i, v, u, k) = x(i, v, u, k). Runs as Upsample with scale 1.
struct Copy {
  static constexpr const char* kName = "copy";
  Tensor x, y;  // N, H, W, C; not overlapping

  Upsample as_upsample() const { return {x, y, 1}; }
  /// One tile per row.
  CUDET_HD int tiles() const { return y.n * y.h; }
};

inline void run_reference(const Copy& op, const Memory& memory) {  // f32 or u8
  run_reference(op.as_upsample(), memory);
}
inline void copy_cpu(const Copy& op, const Memory& memory, int first, int last) {  // f32 or u8; tiles [first, last)
  upsample_cpu(op.as_upsample(), memory, first, last);
}
inline void copy_cuda(const Copy& op, const Memory& memory, const CudaStream& on) {  // f32 or f16
  upsample_cuda(op.as_upsample(), memory, on);
}

StepInfo describe(const Copy&);
void parse_shape(ShapeParser&, Copy&);

}  // namespace cudet
