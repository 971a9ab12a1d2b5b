// What a pixel of the scaled picture is made of, and where a strip's packed rows lie: the arithmetic that letterbox's
// host and device code must share to the bit. C++17: host compilers and nvcc both read this.
#pragma once
#include <cmath>

#include "kernels/letterbox/letterbox.h"

namespace cudet {

/// Along an axis: two pixels of the picture and their weights of 1/2048.
struct Taps {
  int first, second;
  int first_weight, second_weight;
};

/// Pixels of the picture from one of the scaled picture to the next. For the host: devices are slow at it.
inline double tap_step(int scaled, int size) {
  return 1 / (static_cast<double>(scaled) / size);
}

/// The rule of reference.cpp for pixel `destination` of the scaled picture; size: the picture's, along the axis.
CUDET_HD inline Taps taps(int destination, double step, int size, bool columns) {
#ifdef __CUDA_ARCH__
  const float place = static_cast<float>(__dadd_rn(__dmul_rn(destination + 0.5, step), -0.5));  // no fma: as the host
#else
  const float place = static_cast<float>((destination + 0.5) * step - 0.5);
#endif
  const float floor = floorf(place);
  const int first = static_cast<int>(floor), last = size - 1;
  const float fraction = columns && (first < 0 || first >= last) ? 0 : place - floor;
  const auto within = [last](int at) { return at < 0 ? 0 : at > last ? last : at; };
  return {within(first), within(first + 1), static_cast<int>(rintf((1 - fraction) * 2048)),
          static_cast<int>(rintf(fraction * 2048))};
}

/// Rows of a plane of the picture as a strip holds them, in order: all from the first to the last that it needs, or,
/// where rows between would be of no use, the pair of every row of the scaled picture.
struct PackedRows {
  bool pairs;
  int first;  // pairs: the scaled picture's row that has the first pair; else the plane's row that is packed first
  int count;

  /// The place among the packed rows of a row of the plane, which is a tap of `destination`: its second or its first.
  CUDET_HD int index(int destination, bool second, int row) const {
    return pairs ? 2 * (destination - first) + second : row - first;
  }
};

/// The rows of the planes for y's rows [first, last); count 0: none. Chroma: of nv12 alone.
struct PackedPlanes {
  PackedRows luma, chroma;
};
PackedPlanes packed_planes(const Letterbox&, int first, int last);

/// Bytes from a packed row to the next: whole words, so that devices may read pixels of 4 bytes at once.
std::size_t packed_pitch(const Frame&);

}  // namespace cudet
