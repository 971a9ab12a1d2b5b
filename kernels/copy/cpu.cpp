#include <cstring>

#include "kernels/copy/copy.h"

namespace cudet {

void copy_cpu(const Copy& op, const Memory& memory, int first, int last) {
  const bool dense = op.x.pitch == op.x.c && op.y.pitch == op.y.c;  // then a row is one run
  const int runs = dense ? 1 : op.y.w;
  const std::size_t size = size_of(op.y.type), bytes = size * op.y.c * (dense ? op.y.w : 1);
  for (int tile = first; tile < last; ++tile) {
    const int i = tile / op.y.h, v = tile % op.y.h;
    for (int u = 0; u < runs; ++u)
      std::memcpy(memory.arena + op.y.offset + op.y.pixel(i, v, u) * size,
                  memory.arena + op.x.offset + op.x.pixel(i, v, u) * size, bytes);
  }
}

}  // namespace cudet
