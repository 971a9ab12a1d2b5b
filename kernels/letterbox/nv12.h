// Converts NV12 to RGB, for every backend. C++17, because nvcc also reads this header.
#pragma once
#include "kernels/frame.h"
#include "kernels/tensor.h"

namespace cudet {

struct Rgb {
  int r, g, b;  // 0..255
};

/// BT.601 with luma in 16..235, in fixed point with 20 fractional bits. Equals OpenCV's COLOR_YUV2RGB_NV12 bit for bit.
/// The factors have three decimals (255/219 is 1.164). The sum of the products is rounded half up.
CUDET_HD inline Rgb nv12_to_rgb(int luma, int cb, int cr) {
  constexpr int kBits = 20;
  constexpr double kOne = 1 << kBits;
  constexpr int kLuma = static_cast<int>(1.164 * kOne), kCrRed = static_cast<int>(1.596 * kOne),
                kCrGreen = static_cast<int>(0.813 * kOne), kCbGreen = static_cast<int>(0.391 * kOne),
                kCbBlue = static_cast<int>(2.018 * kOne);
  const int y = (luma > 16 ? luma - 16 : 0) * kLuma + (1 << (kBits - 1)), u = cb - 128, v = cr - 128;
  const auto byte = [](int fixed) {
    const int value = fixed >> kBits;
    return value < 0 ? 0 : value > 255 ? 255 : value;
  };
  return {byte(y + kCrRed * v), byte(y - kCrGreen * v - kCbGreen * u), byte(y + kCbBlue * u)};
}

/// Row 0 of the frame's plane of Cb, Cr pairs.
inline const std::uint8_t* chroma_plane(const Frame& frame) {
  return frame.chroma != nullptr ? frame.chroma : frame.data + frame.height * frame.stride;
}

/// Bytes from a chroma row's start to a column's pair; columns 2k and 2k + 1 share a pair.
CUDET_HD constexpr std::ptrdiff_t chroma_pair(std::ptrdiff_t column) {
  return column & ~std::ptrdiff_t{1};
}

}  // namespace cudet
