// The weights of the 8-bit convolution's Winograd kernel.
#pragma once
#include <cstddef>

#include "kernels/conv2d/cpu/blocks.h"
#include "kernels/conv2d_int8/conv2d_int8.h"

namespace cudet {

// Dimensions of F(4×4, 3×3): input pixels along an axis, which are as many points; points of a patch.
constexpr int kInt8WinogradIn = 6, kInt8WinogradPoints = kInt8WinogradIn * kInt8WinogradIn;

/// Pairs of weights of a block of output channels.
inline std::size_t int8_winograd_block_pairs(const Conv2d& conv) {
  return static_cast<std::size_t>(kInt8WinogradPoints) * conv.x.c / 2 * kConv2dBlock;
}

/// The Winograd kernel's packed_bytes and pack (Conv2dInt8CpuKernel).
std::size_t int8_winograd_packed_bytes(const Conv2d& conv);
void int8_winograd_pack(const Conv2d& conv, Quantization x, const float* weight, std::byte* packed);

}  // namespace cudet
