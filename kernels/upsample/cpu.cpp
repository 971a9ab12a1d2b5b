#include <cstring>

#include "kernels/upsample/upsample.h"

namespace cudet {

void upsample_cpu(const Upsample& op, const Memory& memory, int first, int last) {
  const std::size_t bytes = sizeof(float) * op.x.c;
  for (int tile = first; tile < last; ++tile) {
    const int i = tile / op.y.h, v = tile % op.y.h;
    const float* x = arena_data<float>(memory, op.x) + op.x.pixel(i, v / op.scale, 0);
    float* y = arena_data<float>(memory, op.y) + op.y.pixel(i, v, 0);
    for (int u = 0; u < op.x.w; ++u, x += op.x.pitch)
      for (int q = 0; q < op.scale; ++q, y += op.y.pitch) std::memcpy(y, x, bytes);
  }
}

}  // namespace cudet
