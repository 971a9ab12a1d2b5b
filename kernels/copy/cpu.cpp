#include <cstring>

#include "kernels/copy/copy.h"

namespace cudet {

void copy_cpu(const Copy& op, const Memory& memory, int first, int last) {
  const bool dense = op.x.pitch == op.x.c && op.y.pitch == op.y.c;  // then a row is one run
  const int runs = dense ? 1 : op.y.w;
  const std::size_t bytes = sizeof(float) * op.y.c * (dense ? op.y.w : 1);
  for (int tile = first; tile < last; ++tile) {
    const int i = tile / op.y.h, v = tile % op.y.h;
    for (int u = 0; u < runs; ++u)
      std::memcpy(arena_data<float>(memory, op.y) + op.y.pixel(i, v, u),
                  arena_data<float>(memory, op.x) + op.x.pixel(i, v, u), bytes);
  }
}

}  // namespace cudet
