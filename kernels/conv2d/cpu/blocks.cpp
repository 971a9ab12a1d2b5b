#include "kernels/conv2d/cpu/blocks.h"

#include <algorithm>

namespace cudet {

void pack_block(const float* rows, std::size_t stride, int lanes, std::size_t count, float* to, std::size_t pitch) {
  constexpr std::size_t kRun = 16;  // floats of a row at a time: one cache line of it, and as many lines of `to`
  for (std::size_t first = 0; first < count; first += kRun) {
    const std::size_t end = std::min(first + kRun, count);
    if (lanes < kConv2dBlock)
      for (std::size_t e = first; e < end; ++e) std::fill_n(to + e * pitch + lanes, kConv2dBlock - lanes, 0.0f);
    for (int lane = 0; lane < lanes; ++lane)
      for (std::size_t e = first; e < end; ++e) to[e * pitch + lane] = rows[lane * stride + e];
  }
}

Conv2d pointwise_as_row(Conv2d op) {
  constexpr Extent kOne{1, 1}, kNone{0, 0};
  if (op.kernel == kOne && op.stride == kOne && op.pad == kNone)
    for (Tensor* t : {&op.x, &op.y, &op.residual})
      *t = {t->space, t->type, t->offset, t->n, 1, t->h * t->w, t->c, t->pitch};
  return op;
}

}  // namespace cudet
