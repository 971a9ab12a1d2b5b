#include <bit>
#include <cstring>

#include "kernels/conv2d/cuda_plan.h"

namespace cudet {
namespace {

/// The nearest f16's bits, ties to even; too large gives infinity.
std::uint16_t to_f16(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value), sign = bits >> 16 & 0x8000u,
                      size = bits & 0x7fffffffu;
  if (size > 0x7f800000u) return static_cast<std::uint16_t>(sign | 0x7e00u);   // NaN
  if (size >= 0x477ff000u) return static_cast<std::uint16_t>(sign | 0x7c00u);  // from 65520 on
  if (size < 0x38800000u) {  // subnormal: in units of 2^-24, rounded by the addition
    const float shifted = std::bit_cast<float>(size) + 0.5f;
    return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(shifted) - 0x3f000000u));
  }
  return static_cast<std::uint16_t>(sign | ((size - 0x38000000u + 0xfffu + (size >> 13 & 1u)) >> 13));
}

}  // namespace

void conv2d_cuda_pack(const Conv2d& op, const float* weight, std::byte* packed) {
  const Conv2dPacking packing = conv2d_packing(op);
  std::memset(packed, 0, conv2d_cuda_packed_bytes(op));
  for (int k = 0; k < packing.k; ++k)
    for (int r = 0; r < packing.taps_h; ++r)
      for (int s = 0; s < packing.taps_w; ++s)
        for (int c = 0; c < packing.c; ++c, ++weight) {
          const std::size_t at = packing.index(k, r, s, c);
          if (packing.type == Type::f16) {
            const std::uint16_t half = to_f16(*weight);
            std::memcpy(packed + at * sizeof half, &half, sizeof half);
          } else {
            std::memcpy(packed + at * sizeof(float), weight, sizeof(float));
          }
        }
}

}  // namespace cudet
