#include "kernels/conv_transpose2d/conv_transpose2d.h"

namespace cudet {

void run_reference(const ConvTranspose2d& op, const Memory& memory) {
  const float* x = arena_data<float>(memory, op.x);
  const float* weight = weights_data<float>(memory, op.weight);  // C, K/groups, R, S
  const float* bias = weights_data<float>(memory, op.bias);
  float* y = arena_data<float>(memory, op.y);
  const int c_per_group = op.x.c / op.groups, k_per_group = op.y.c / op.groups;
  const std::size_t taps = static_cast<std::size_t>(op.kernel.h) * op.kernel.w;
  for (int i = 0; i < op.y.n; ++i)
    for (int v = 0; v < op.y.h; ++v)
      for (int u = 0; u < op.y.w; ++u)
        for (int k = 0; k < op.y.c; ++k) {
          const int first = k / k_per_group * c_per_group;  // channel of the group
          double sum = bias[k];
          for (int r = 0; r < op.kernel.h; ++r)
            for (int s = 0; s < op.kernel.w; ++s) {
              const int down = v + op.pad.h - r * op.dilation.h, across = u + op.pad.w - s * op.dilation.w;
              const int row = down / op.stride.h, column = across / op.stride.w;
              if (down < 0 || row >= op.x.h || row * op.stride.h != down) continue;
              if (across < 0 || column >= op.x.w || column * op.stride.w != across) continue;
              for (int c = first; c < first + c_per_group; ++c)
                sum += static_cast<double>(weight[(static_cast<std::size_t>(c) * k_per_group + k % k_per_group) * taps +
                                                  static_cast<std::size_t>(r) * op.kernel.w + s]) *
                       x[op.x.pixel(i, row, column) + c];
            }
          y[op.y.pixel(i, v, u) + k] = static_cast<float>(sum);
        }
}

}  // namespace cudet
