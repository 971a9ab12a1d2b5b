// Taps of a pixel of the scaled image, and offsets of a strip's packed rows. Host and device code share this
// arithmetic, so that both compute the same bits. C++17, because nvcc also reads this header.
#pragma once
#include <cmath>

#include "kernels/letterbox/letterbox.h"

namespace cudet {

/// Two pixels of the frame along an axis, and their weights, in 1/2048.
struct Taps {
  int first, second;
  int first_weight, second_weight;
};

/// Pixels of the frame per pixel of the scaled image. Computed on the host, because double is slow on devices.
inline double tap_step(int scaled, int size) {
  return 1 / (static_cast<double>(scaled) / size);
}

/// Returns the taps of pixel `destination` of the scaled image by the rule in reference.cpp. `size`: pixels of the
/// frame along the axis.
CUDET_HD inline Taps taps(int destination, double step, int size, bool columns) {
#ifdef __CUDA_ARCH__
  const float coordinate =
      static_cast<float>(__dadd_rn(__dmul_rn(destination + 0.5, step), -0.5));  // no fma, as on the host
#else
  const float coordinate = static_cast<float>((destination + 0.5) * step - 0.5);
#endif
  const float floor = floorf(coordinate);
  const int first = static_cast<int>(floor), last = size - 1;
  const float fraction = columns && (first < 0 || first >= last) ? 0 : coordinate - floor;
  const auto within = [last](int at) { return at < 0 ? 0 : at > last ? last : at; };
  return {within(first), within(first + 1), static_cast<int>(rintf((1 - fraction) * 2048)),
          static_cast<int>(rintf(fraction * 2048))};
}

/// The rows of a plane that a strip holds, in order: all rows from the first to the last needed one or, if some rows
/// between them are not needed, a pair of rows (the two taps) for every row of the scaled image.
struct PackedRows {
  bool pairs;
  int first;  // pairs: the scaled image's row of the first pair; else the plane's first packed row
  int count;

  /// Index of the plane's row `row`, the first or second tap of `destination`, among the packed rows.
  CUDET_HD int index(int destination, bool second, int row) const {
    return pairs ? 2 * (destination - first) + second : row - first;
  }
};

/// The rows of each plane for y's rows [first, last); count 0: none. Only nv12 has chroma.
struct PackedPlanes {
  PackedRows luma, chroma;
};
PackedPlanes packed_planes(const Letterbox&, int first, int last);

/// Bytes from a packed row to the next: a multiple of 4, so that devices can read pixels of 4 bytes in one access.
std::size_t packed_pitch(const Frame&);

}  // namespace cudet
