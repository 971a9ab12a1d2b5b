#include <algorithm>

#include "kernels/resize_bilinear/resize_bilinear.h"

namespace cudet {
namespace {

double coordinate(const ResizeBilinear& op, int d, int in, int out) {
  if (op.align_corners) return out > 1 ? static_cast<double>(d) * (in - 1) / (out - 1) : 0;
  return std::clamp((d + 0.5) / op.scale - 0.5, 0.0, in - 1.0);
}

}  // namespace

void run_reference(const ResizeBilinear& op, const Memory& memory) {
  const float* x = arena_data<float>(memory, op.x);
  float* y = arena_data<float>(memory, op.y);
  for (int i = 0; i < op.y.n; ++i)
    for (int v = 0; v < op.y.h; ++v)
      for (int u = 0; u < op.y.w; ++u) {
        const double row = coordinate(op, v, op.x.h, op.y.h), column = coordinate(op, u, op.x.w, op.y.w);
        const int top = static_cast<int>(row), left = static_cast<int>(column);
        const int bottom = std::min(top + 1, op.x.h - 1), right = std::min(left + 1, op.x.w - 1);
        const double b = row - top, r = column - left;
        for (int k = 0; k < op.y.c; ++k) {
          const auto value = [&](int at_row, int at_column) -> double {
            return x[op.x.pixel(i, at_row, at_column) + k];
          };
          y[op.y.pixel(i, v, u) + k] =
              static_cast<float>((1 - b) * ((1 - r) * value(top, left) + r * value(top, right)) +
                                 b * ((1 - r) * value(bottom, left) + r * value(bottom, right)));
        }
      }
}

}  // namespace cudet
