#include "kernels/add/add.h"

namespace cudet {

void run_reference(const Add& op, const Memory& memory) {
  const float *a = arena_data<float>(memory, op.a), *b = arena_data<float>(memory, op.b);
  float* y = arena_data<float>(memory, op.y);
  for (int i = 0; i < op.y.n; ++i)
    for (int v = 0; v < op.y.h; ++v)
      for (int u = 0; u < op.y.w; ++u)
        for (int k = 0; k < op.y.c; ++k)
          y[op.y.pixel(i, v, u) + k] = a[op.a.pixel(i, v, u) + k] + b[op.b.pixel(i, v, u) + k];
}

}  // namespace cudet
