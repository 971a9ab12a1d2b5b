// Reals as 8-bit integers: what tensors of a quantised network hold.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>

namespace cudet {

/// A real r is held as q in 0..255 with r = scale · (q − zero): affine, one pair for a whole tensor, zero itself exact.
struct Quantization {
  float scale = 1;  // > 0
  int zero = 0;     // 0..255
};

constexpr bool operator==(Quantization a, Quantization b) {
  return a.scale == b.scale && a.zero == b.zero;
}

/// What holds the reals of [low, high], and zero. Both are finite.
inline Quantization quantization_of(float low, float high) {
  low = std::min(low, 0.0f), high = std::max(high, 0.0f);
  // Halves, since the difference of two finite floats may be none.
  const float scale = (high / 2 - low / 2) / 127.5f;
  if (!(scale > 0)) return {};
  return {scale, static_cast<int>(std::lround(std::min(-low / scale, 255.0f)))};
}

/// The nearest of the 256 reals; NaN is zero.
inline std::uint8_t quantize(double r, Quantization to) {
  const double q = std::nearbyint(r / to.scale) + to.zero;
  return static_cast<std::uint8_t>(q > 0 ? std::min(q, 255.0) : q <= 0 ? 0 : to.zero);
}

inline float dequantize(std::uint8_t q, Quantization from) {
  return from.scale * static_cast<float>(q - from.zero);
}

}  // namespace cudet
