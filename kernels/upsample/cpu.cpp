#include <cstring>

#include "kernels/upsample/upsample.h"

namespace cudet {

void upsample_cpu(const Upsample& op, const Memory& memory, int first, int last) {
  const std::size_t size = size_of(op.x.type), bytes = size * op.x.c;
  const bool row_copy = op.scale == 1 && op.x.pitch == op.x.c && op.y.pitch == op.y.c;  // a row is contiguous
  for (int tile = first; tile < last; ++tile) {
    const int i = tile / op.y.h, v = tile % op.y.h;
    const std::byte* x = memory.arena + op.x.offset + op.x.pixel(i, v / op.scale, 0) * size;
    std::byte* y = memory.arena + op.y.offset + op.y.pixel(i, v, 0) * size;
    if (row_copy) {
      std::memcpy(y, x, bytes * op.x.w);
      continue;
    }
    for (int u = 0; u < op.x.w; ++u, x += op.x.pitch * size)
      for (int q = 0; q < op.scale; ++q, y += op.y.pitch * size) std::memcpy(y, x, bytes);
  }
}

}  // namespace cudet
