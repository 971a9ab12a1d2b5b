// 2-D convolution in 8-bit integers with the operations that follow it in YOLOv8. Quantised networks run it on the CPU.
#pragma once
#include "kernels/conv2d/conv2d.h"
#include "kernels/quantization.h"
#include "kernels/step_info.h"

namespace cudet {

/// Conv2d of the real numbers that x and residual represent, with 8-bit weights: weight(k, ·) = w · s(k), w integers in
/// −127..127, s(k) the channel's largest absolute weight / 127, as quantize_weights computes them. Sums are integers;
/// bias, activation and residual are f32. Outside the image, x is zero. The reference takes weights of the form w ·
/// s(k).
struct Conv2dInt8 {
  static constexpr const char* kName = "conv2d_int8";
  Conv2d conv;  // x: u8; y: u8, or f32 if there is no residual; residual: u8. weight: for the reference f32 of layout
                // K, R, S, C/groups; for the CPU packed by the kernel that runs (Conv2dInt8CpuKernel::pack)
  Quantization x, y, residual;  // of the tensors that are u8
};

/// Whether a kernel of the CPU supports the convolution: a window of the input has at most 49,152 values.
bool conv2d_int8_fits(const Conv2d& conv);

void run_reference(const Conv2dInt8&, const Memory&);

// The CPU's kernels are in kernels/conv2d_int8/cpu/kernels.h.

StepInfo describe(const Conv2dInt8&);
void parse_shape(ShapeParser&, Conv2dInt8&);

}  // namespace cudet
