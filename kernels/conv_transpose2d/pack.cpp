#include <cstring>

#include "kernels/conv_transpose2d/conv_transpose2d.h"
#include "kernels/f16.h"

namespace cudet {
namespace {

template <class Element, class Convert>
void pack(const ConvTranspose2d& op, const float* weight, std::byte* packed, Convert convert) {
  const ConvTranspose2dPacking packing(op);
  for (int c = 0; c < op.x.c; ++c)
    for (int k = 0; k < packing.k_per_group; ++k)
      for (int r = 0; r < op.kernel.h; ++r)
        for (int s = 0; s < op.kernel.w; ++s, ++weight) {
          const int channel = c / packing.c_per_group * packing.k_per_group + k;  // of y
          const Element element = convert(*weight);
          std::memcpy(packed + packing.index(channel, r, s, c % packing.c_per_group) * sizeof element, &element,
                      sizeof element);
        }
}

}  // namespace

std::size_t conv_transpose2d_packed_bytes(const ConvTranspose2d& op) {
  const ConvTranspose2dPacking packing(op);
  return static_cast<std::size_t>(op.groups) * packing.blocks_per_group * packing.block_size() *
         size_of(op.weight.type);
}

void conv_transpose2d_pack(const ConvTranspose2d& op, const float* weight, std::byte* packed) {
  std::memset(packed, 0, conv_transpose2d_packed_bytes(op));
  if (op.weight.type == Type::f16)
    pack<std::uint16_t>(op, weight, packed, f16_weight);
  else
    pack<float>(op, weight, packed, [](float value) { return value; });
}

}  // namespace cudet
