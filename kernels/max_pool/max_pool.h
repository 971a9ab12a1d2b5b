// Maximum over a square window.
#pragma once
#include "kernels/tensor.h"

namespace cudet {

/// y(i, v, u, k) = max over r, s in [0, kernel) of x(i, v·stride − pad + r, u·stride − pad + s, k); what lies outside
/// of the picture does not count; NaN in a window wins. As torch.nn.MaxPool2d.
struct MaxPool {
  Tensor x;                 // N, H, W, C
  Tensor y;                 // N, V, U, C; V = (H + 2 pad − kernel) / stride + 1, U alike; may not overlap x
  int kernel, stride, pad;  // pixels; pad <= kernel / 2, so that no window is empty

  /// One tile an output row.
  CUDET_HD int tiles() const { return y.n * y.h; }
};

void max_pool_reference(const MaxPool&, const Memory&);                 // f32
void max_pool_cpu(const MaxPool&, const Memory&, int first, int last);  // f32; tiles [first, last)

}  // namespace cudet
