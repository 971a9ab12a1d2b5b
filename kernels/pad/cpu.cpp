#include <algorithm>

#include "kernels/pad/pad.h"

namespace cudet {
namespace {

// Writes zeros to `count` pixels. Returns the pixel after them.
float* zero_pixels(const Tensor& t, float* y, int count) {
  for (int u = 0; u < count; ++u, y += t.pitch) std::fill_n(y, t.c, 0.0f);
  return y;
}

}  // namespace

void pad_cpu(const Pad& op, const Memory& memory, int first, int last) {
  for (int tile = first; tile < last; ++tile) {
    const int i = tile / op.y.h, v = tile % op.y.h, row = v - op.top;
    float* y = arena_data<float>(memory, op.y) + op.y.pixel(i, v, 0);
    if (row < 0 || row >= op.x.h) {
      zero_pixels(op.y, y, op.y.w);
      continue;
    }
    y = zero_pixels(op.y, y, op.left);
    const float* x = arena_data<float>(memory, op.x) + op.x.pixel(i, row, 0);
    for (int u = 0; u < op.x.w; ++u, x += op.x.pitch, y += op.y.pitch) std::copy_n(x, op.x.c, y);
    zero_pixels(op.y, y, op.y.w - op.left - op.x.w);
  }
}

}  // namespace cudet
