#include "kernels/pad/pad.h"

namespace cudet {

void run_reference(const Pad& op, const Memory& memory) {
  const float* x = arena_data<float>(memory, op.x);
  float* y = arena_data<float>(memory, op.y);
  for (int i = 0; i < op.y.n; ++i)
    for (int v = 0; v < op.y.h; ++v)
      for (int u = 0; u < op.y.w; ++u)
        for (int k = 0; k < op.y.c; ++k) {
          const int row = v - op.top, column = u - op.left;
          const bool inside = row >= 0 && row < op.x.h && column >= 0 && column < op.x.w;
          y[op.y.pixel(i, v, u) + k] = inside ? x[op.x.pixel(i, row, column) + k] : 0;
        }
}

}  // namespace cudet
