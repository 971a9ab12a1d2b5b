// f16 on the host, for packing weights. C++20: nvcc does not read this header.
#pragma once
#include <bit>
#include <cmath>
#include <cstdint>
#include <string>

#include "kernels/error.h"

namespace cudet {

/// Returns the bits of the nearest f16, ties to even; infinity if the value is too large.
inline std::uint16_t to_f16(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value), sign = bits >> 16 & 0x8000u,
                      size = bits & 0x7fffffffu;
  if (size > 0x7f800000u) return static_cast<std::uint16_t>(sign | 0x7e00u);   // NaN
  if (size >= 0x477ff000u) return static_cast<std::uint16_t>(sign | 0x7c00u);  // 65520 and more
  if (size < 0x38800000u) {  // subnormal: in units of 2^-24, rounded by the addition
    const float shifted = std::bit_cast<float>(size) + 0.5f;
    return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(shifted) - 0x3f000000u));
  }
  return static_cast<std::uint16_t>(sign | ((size - 0x38000000u + 0xfffu + (size >> 13 & 1u)) >> 13));
}

/// The same for a weight. Throws Error if f16 cannot hold it.
inline std::uint16_t f16_weight(float value) {
  const std::uint16_t half = to_f16(value);
  if ((half & 0x7fffu) == 0x7c00u && std::isfinite(value))
    throw Error("fp16 cannot hold a weight of " + std::to_string(value));
  return half;
}

}  // namespace cudet
