#include "apps/bench/im2col.h"

#include <algorithm>

#include "kernels/conv2d/cpu/blocks.h"

namespace cudet::bench {
namespace {

constexpr int kPixels = 4;  // per product: its sums, kPixels x kConv2dBlock, fit into the registers
constexpr int kTile = 16 * kPixels;

int depth(const Conv2d& op) {
  return op.kernel.h * op.kernel.w * op.x.c;
}
int pixels(const Conv2d& op) {
  return op.y.n * op.y.h * op.y.w;
}

/// Writes the input window of output pixel p to `row`, in the order R, S, C. Pixels in the padding are zero.
void copy_window(const Conv2d& op, const float* x, int p, float* row) {
  const int u = p % op.y.w, v = p / op.y.w % op.y.h, image = p / op.y.w / op.y.h;
  for (int r = 0; r < op.kernel.h; ++r)
    for (int s = 0; s < op.kernel.w; ++s, row += op.x.c) {
      const int line = v * op.stride.h - op.pad.h + r * op.dilation.h;
      const int column = u * op.stride.w - op.pad.w + s * op.dilation.w;
      if (line < 0 || line >= op.x.h || column < 0 || column >= op.x.w)
        std::fill_n(row, op.x.c, 0.0f);
      else
        std::copy_n(x + op.x.pixel(image, line, column), op.x.c, row);
    }
}

struct Sums {
  float values[kPixels][kConv2dBlock];
};
/// sums(i, k) = sum over d of rows(i, d) * weight(d, k).
Sums multiply(const float* rows, const float* weight, int depth) {
  Sums sums = {};
  for (int d = 0; d < depth; ++d, weight += kConv2dBlock)
    for (int i = 0; i < kPixels; ++i)
      for (int k = 0; k < kConv2dBlock; ++k)
        sums.values[i][k] += rows[static_cast<std::size_t>(i) * depth + d] * weight[k];
  return sums;
}

}  // namespace

int im2col_tiles(const Conv2d& op) {
  return ceil_div(pixels(op), kTile);
}

double im2col_floats(const Conv2d& op) {
  return static_cast<double>(im2col_tiles(op)) * kTile * depth(op);
}

void conv2d_im2col(const Conv2d& op, const Memory& memory, float* matrix, int first, int last) {
  const Conv2dBlocks blocks(op);
  const float* x = arena_data<float>(memory, op.x);
  const float* weight = weights_data<float>(memory, op.weight);
  const float* bias = weights_data<float>(memory, op.bias);
  const float* residual = arena_data<float>(memory, op.residual);
  float* y = arena_data<float>(memory, op.y);
  const auto row = [&](int p) { return matrix + static_cast<std::size_t>(p) * blocks.depth; };
  const int end = std::min(last * kTile, pixels(op));
  for (int p = first * kTile; p < end; ++p) copy_window(op, x, p, row(p));
  for (int block = 0; block < blocks.count; ++block)
    for (int p = first * kTile; p < end; p += kPixels) {
      const Sums sums = multiply(row(p), weight + block * blocks.floats, blocks.depth);
      for (int i = 0; i < std::min(kPixels, end - p); ++i)
        for (int k = block * kConv2dBlock; k < std::min((block + 1) * kConv2dBlock, op.y.c); ++k) {
          float sum = sums.values[i][k % kConv2dBlock] + bias[k];
          sum = static_cast<float>(activate(op.function(), sum));
          if (op.add) sum += residual[static_cast<std::size_t>(p + i) * op.residual.pitch + k];
          y[static_cast<std::size_t>(p + i) * op.y.pitch + k] = sum;
        }
    }
}

}  // namespace cudet::bench
