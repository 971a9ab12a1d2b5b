#include "kernels/conv2d_int8/conv2d_int8.h"

namespace cudet {
namespace {

/// The value before activation.
double sum(const Conv2dInt8& op, const Memory& memory, int i, int v, int u, int k) {
  const Conv2d& conv = op.conv;
  const int c_per_group = conv.x.c / conv.groups, group = k / (conv.y.c / conv.groups);
  const float* weight = weights_data<float>(memory, conv.weight) +
                        static_cast<std::size_t>(k) * conv.kernel.h * conv.kernel.w * c_per_group;
  const std::uint8_t* x = arena_data<std::uint8_t>(memory, conv.x);
  double total = 0;
  for (int r = 0; r < conv.kernel.h; ++r)
    for (int s = 0; s < conv.kernel.w; ++s, weight += c_per_group) {
      const int row = v * conv.stride.h - conv.pad.h + r * conv.dilation.h;
      const int column = u * conv.stride.w - conv.pad.w + s * conv.dilation.w;
      if (row < 0 || row >= conv.x.h || column < 0 || column >= conv.x.w) continue;
      const std::uint8_t* pixel = x + conv.x.pixel(i, row, column) + group * c_per_group;
      for (int c = 0; c < c_per_group; ++c) total += static_cast<double>(weight[c]) * (pixel[c] - op.x.zero);
    }
  return total * op.x.scale + weights_data<float>(memory, conv.bias)[k];
}

}  // namespace

void run_reference(const Conv2dInt8& op, const Memory& memory) {
  const Conv2d& conv = op.conv;
  for (int i = 0; i < conv.y.n; ++i)
    for (int v = 0; v < conv.y.h; ++v)
      for (int u = 0; u < conv.y.w; ++u)
        for (int k = 0; k < conv.y.c; ++k) {
          double value = sum(op, memory, i, v, u, k);
          value = activate(conv.function(), value);
          if (conv.add)
            value += dequantize(arena_data<std::uint8_t>(memory, conv.residual)[conv.residual.pixel(i, v, u) + k],
                                op.residual);
          const std::size_t at = conv.y.pixel(i, v, u) + k;
          if (conv.y.type == Type::u8)
            arena_data<std::uint8_t>(memory, conv.y)[at] = quantize(value, op.y);
          else
            arena_data<float>(memory, conv.y)[at] = static_cast<float>(value);
        }
}

}  // namespace cudet
