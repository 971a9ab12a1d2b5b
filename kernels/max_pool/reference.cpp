#include <cmath>
#include <limits>

#include "kernels/max_pool/max_pool.h"

namespace cudet {

void max_pool_reference(const MaxPool& op, const Memory& memory) {
  const float* x = arena_data<float>(memory, op.x);
  float* y = arena_data<float>(memory, op.y);
  for (int i = 0; i < op.y.n; ++i)
    for (int v = 0; v < op.y.h; ++v)
      for (int u = 0; u < op.y.w; ++u)
        for (int k = 0; k < op.y.c; ++k) {
          float most = -std::numeric_limits<float>::infinity();
          for (int r = 0; r < op.kernel; ++r)
            for (int s = 0; s < op.kernel; ++s) {
              const int row = v * op.stride - op.pad + r, column = u * op.stride - op.pad + s;
              if (row < 0 || row >= op.x.h || column < 0 || column >= op.x.w) continue;
              const float value = x[op.x.pixel(i, row, column) + k];
              if (value > most || std::isnan(value)) most = value;
            }
          y[op.y.pixel(i, v, u) + k] = most;
        }
}

}  // namespace cudet
