// Real numbers as 8-bit integers, the elements of a quantised network's tensors.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace cudet {

/// A real r is stored as q in 0..255 with r = scale · (q − zero): an affine mapping per tensor, exact for r = 0.
struct Quantization {
  float scale = 1;  // > 0
  int zero = 0;     // 0..255
};

constexpr bool operator==(Quantization a, Quantization b) {
  return a.scale == b.scale && a.zero == b.zero;
}

/// The quantisation whose range is [low, high], extended to include zero. Both ends are finite.
inline Quantization quantization_of(float low, float high) {
  low = std::min(low, 0.0f), high = std::max(high, 0.0f);
  // high - low may overflow, half of it cannot.
  const float scale = (high / 2 - low / 2) / 127.5f;
  if (!(scale >= 0x1p-126f)) return {};  // all values are zero, or nearly
  return {scale, static_cast<int>(std::lround(std::min(-low / scale, 255.0f)))};
}

/// Rounds to the nearest of the 256 values; NaN becomes 0.
inline std::uint8_t quantize(double r, Quantization to) {
  const double q = std::nearbyint(r / to.scale) + to.zero;
  return static_cast<std::uint8_t>(q > 0 ? std::min(q, 255.0) : q <= 0 ? 0 : to.zero);
}

/// Quantises a channel's `count` finite weights: writes w, in −127..127, with weight(k) ≈ w(k) · s, and returns s,
/// which is 0 if all weights are 0. If the weights already have the form w · s up to rounding, the result is that w.
inline float quantize_weights(const float* weight, std::size_t count, std::int8_t* w) {
  float largest = 0;
  for (std::size_t k = 0; k < count; ++k) largest = std::max(largest, std::abs(weight[k]));
  const float scale = largest / 127;
  for (std::size_t k = 0; k < count; ++k)
    w[k] = scale > 0 ? static_cast<std::int8_t>(std::clamp(std::nearbyint(weight[k] / scale), -127.0f, 127.0f))
                     : std::int8_t{0};
  return scale;
}

inline float dequantize(std::uint8_t q, Quantization from) {
  return from.scale * static_cast<float>(q - from.zero);
}

}  // namespace cudet
