// Convolution on 8-bit integers, with all that follows it in YOLOv8: conv2d of a quantised network, on the CPU.
#pragma once
#include "kernels/conv2d/conv2d.h"
#include "kernels/quantization.h"
#include "kernels/step_info.h"

namespace cudet {

/// As Conv2d of the reals that x and residual hold, with weights of 8 bits: weight(k, ·) = w · s(k), w integers of
/// −127..127, s(k) the channel's largest weight / 127: what quantize_weights makes of them. Sums of integers; bias,
/// activation and residual f32. Beside the picture, x is its zero. The reference takes weights that are w · s(k).
struct Conv2dInt8 {
  static constexpr const char* kName = "conv2d_int8";
  Conv2d conv;  // x: u8; y: u8, or f32, then without a residual; residual: u8. weight: for the reference f32, of
                // layout K, R, S, C/groups; packed for the CPU (conv2d_int8_cpu_pack)
  Quantization x, y, residual;  // of the tensors that are u8
};

/// Whether the CPU's kernel takes it: a window of some 49,000 values of the input at the most.
bool conv2d_int8_fits(const Conv2d& conv);
/// Bytes of the packed weights: a function of the channels, kernel, stride, dilation and groups of `conv` alone.
std::size_t conv2d_int8_cpu_packed_bytes(const Conv2d& conv);
/// Quantises finite weights of layout K, R, S, C/groups, and packs them in the order in which conv2d_int8_cpu reads
/// them, the same for every instruction set. Best 64-byte aligned. Weights that are w · s(k) up to rounding give w.
void conv2d_int8_cpu_pack(const Conv2d& conv, Quantization x, const float* weight, std::byte* packed);
/// Independent of each other, as conv2d_cpu's.
int conv2d_int8_cpu_tiles(const Conv2dInt8& op);

void run_reference(const Conv2dInt8&, const Memory&);
/// Tiles [first, last), by one of the two kernels below, in Memory::scratch.
void conv2d_int8_cpu(const Conv2dInt8&, const Memory&, int first, int last);

/// Implicit GEMM on 16-bit integers, whose pairs of products are summed in 32 bits. The sums are those of the
/// reference. Works in Memory::scratch.
int conv2d_int8_cpu_direct_tiles(const Conv2dInt8& op);
void conv2d_int8_cpu_direct(const Conv2dInt8&, const Memory&, int first, int last);
/// Winograd's F(4×4, 3×3) for kernels of 3×3 with stride, dilation and groups 1, and C a multiple of 16 up to 512: the
/// transformed input is exact in 16 bits, the transformed weights are rounded to as many bits as keep every sum within
/// 32. Error: some thousandths of the largest output before activation. Works in Memory::scratch.
bool conv2d_int8_cpu_has_winograd(const Conv2d& conv);
int conv2d_int8_cpu_winograd_tiles(const Conv2dInt8& op);
void conv2d_int8_cpu_winograd(const Conv2dInt8&, const Memory&, int first, int last);

StepInfo describe(const Conv2dInt8&);
void parse_shape(ShapeParser&, Conv2dInt8&);

}  // namespace cudet
