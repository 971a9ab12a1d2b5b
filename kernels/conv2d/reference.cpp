#include "kernels/conv2d/conv2d.h"

namespace cudet {

void run_reference(const Conv2d& op, const Memory& memory) {
  const float* x = arena_data<float>(memory, op.x);
  const float* weight = weights_data<float>(memory, op.weight);  // K, R, S, C/groups
  const float* bias = weights_data<float>(memory, op.bias);
  float* y = arena_data<float>(memory, op.y);
  const int c_per_group = op.x.c / op.groups, k_per_group = op.y.c / op.groups;
  for (int i = 0; i < op.y.n; ++i)
    for (int v = 0; v < op.y.h; ++v)
      for (int u = 0; u < op.y.w; ++u)
        for (int k = 0; k < op.y.c; ++k) {
          double sum = bias[k];
          for (int r = 0; r < op.kernel.h; ++r)
            for (int s = 0; s < op.kernel.w; ++s) {
              const int row = v * op.stride.h - op.pad.h + r * op.dilation.h;
              const int column = u * op.stride.w - op.pad.w + s * op.dilation.w;
              if (row < 0 || row >= op.x.h || column < 0 || column >= op.x.w) continue;
              const std::size_t pixel = op.x.pixel(i, row, column) + k / k_per_group * c_per_group;
              const std::size_t tap = ((static_cast<std::size_t>(k) * op.kernel.h + r) * op.kernel.w + s) * c_per_group;
              for (int c = 0; c < c_per_group; ++c) sum += static_cast<double>(weight[tap + c]) * x[pixel + c];
            }
          sum = activate(op.function(), sum);
          if (op.add) sum += arena_data<float>(memory, op.residual)[op.residual.pixel(i, v, u) + k];
          y[op.y.pixel(i, v, u) + k] = static_cast<float>(sum);
        }
}

}  // namespace cudet
