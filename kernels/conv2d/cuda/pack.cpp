#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "kernels/conv2d/cuda/plan.h"
#include "kernels/error.h"

namespace cudet {
namespace {

/// Returns the bits of the nearest f16, ties to even; infinity if the value is too large.
std::uint16_t to_f16(float value) {
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

template <class Element, class Convert>
void pack(const Conv2dPacking& packing, const float* weight, std::byte* packed, Convert convert) {
  // `run` input channels lie a fixed step apart, so index() is called once for all of them.
  const bool by_lanes = packing.kind != Conv2dKind::general && packing.kind != Conv2dKind::stem;
  const int run = by_lanes ? packing.chunk.lanes : packing.c;
  const std::size_t step =
      by_lanes && packing.type == Type::f32 ? static_cast<std::size_t>(packing.channels_per_block) : 1;
  for (int k = 0; k < packing.k; ++k)
    for (int r = 0; r < packing.taps_h; ++r)
      for (int s = 0; s < packing.taps_w; ++s)
        for (int c = 0; c < packing.c; c += run) {
          std::byte* out = packed + packing.index(k, r, s, c) * sizeof(Element);
          const int count = std::min(run, packing.c - c);
          for (int i = 0; i < count; ++i, ++weight, out += step * sizeof(Element)) {
            const Element element = convert(*weight);
            std::memcpy(out, &element, sizeof element);
          }
        }
}

}  // namespace

void conv2d_cuda_pack(const Conv2d& op, const float* weight, std::byte* packed) {
  const Conv2dPacking packing = conv2d_packing(op);
  std::memset(packed, 0, conv2d_cuda_packed_bytes(op));
  if (packing.type == Type::f16)
    pack<std::uint16_t>(packing, weight, packed, [](float value) {
      const std::uint16_t half = to_f16(value);
      if ((half & 0x7fffu) == 0x7c00u && std::isfinite(value))
        throw Error("fp16 cannot hold a weight of " + std::to_string(value));
      return half;
    });
  else
    pack<float>(packing, weight, packed, [](float value) { return value; });
}

}  // namespace cudet
