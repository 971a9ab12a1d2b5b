#include "kernels/upsample/upsample.h"

namespace cudet {
namespace {

template <class T>
void upsample(const Upsample& op, const Memory& memory) {
  const T* x = arena_data<T>(memory, op.x);
  T* y = arena_data<T>(memory, op.y);
  for (int i = 0; i < op.y.n; ++i)
    for (int v = 0; v < op.y.h; ++v)
      for (int u = 0; u < op.y.w; ++u)
        for (int k = 0; k < op.y.c; ++k) y[op.y.pixel(i, v, u) + k] = x[op.x.pixel(i, v / op.scale, u / op.scale) + k];
}

}  // namespace

void run_reference(const Upsample& op, const Memory& memory) {
  op.x.type == Type::u8 ? upsample<std::uint8_t>(op, memory) : upsample<float>(op, memory);
}

}  // namespace cudet
