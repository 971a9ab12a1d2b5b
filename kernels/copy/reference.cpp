#include "kernels/copy/copy.h"

namespace cudet {
namespace {

template <class T>
void copy(const Copy& op, const Memory& memory) {
  const T* x = arena_data<T>(memory, op.x);
  T* y = arena_data<T>(memory, op.y);
  for (int i = 0; i < op.y.n; ++i)
    for (int v = 0; v < op.y.h; ++v)
      for (int u = 0; u < op.y.w; ++u)
        for (int k = 0; k < op.y.c; ++k) y[op.y.pixel(i, v, u) + k] = x[op.x.pixel(i, v, u) + k];
}

}  // namespace

void run_reference(const Copy& op, const Memory& memory) {
  op.x.type == Type::u8 ? copy<std::uint8_t>(op, memory) : copy<float>(op, memory);
}

}  // namespace cudet
