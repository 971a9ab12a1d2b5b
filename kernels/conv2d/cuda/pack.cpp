#include <algorithm>
#include <cstring>

#include "kernels/conv2d/cuda/plan.h"
#include "kernels/f16.h"

namespace cudet {
namespace {

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
    pack<std::uint16_t>(packing, weight, packed, f16_weight);
  else
    pack<float>(packing, weight, packed, [](float value) { return value; });
}

}  // namespace cudet
