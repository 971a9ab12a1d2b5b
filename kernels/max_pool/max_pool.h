// Maximum over a square window.
#pragma once
#include "kernels/step_info.h"
#include "kernels/vectors.h"

namespace cudet {

/// y(i, v, u, k) = max over r, s in [0, kernel) of x(i, v·stride − pad + r, u·stride − pad + s, k). Pixels outside the
/// image do not count. The maximum of a window that contains NaN is NaN. Equals torch.nn.MaxPool2d.
struct MaxPool {
  static constexpr const char* kName = "max_pool";
  Tensor x;  // N, H, W, C
  Tensor y;  // N, V, U, C; V = (H + 2 pad − kernel) / stride + 1, U from W in the same way; may not overlap x
  int kernel, stride, pad;  // pixels; pad <= kernel / 2, so that no window is empty

  /// One tile per output row.
  CUDET_HD int tiles() const { return y.n * y.h; }
};

/// Consecutive poolings of stride 1, as in SPPF: y[0] = pool(x), y[i] = pool(y[i - 1]), each with pad kernel / 2. So
/// y[i] is the maximum over a square window of side (i + 1)(kernel - 1) + 1.
struct MaxPoolChain {
  static constexpr const char* kName = "max_pool_chain";
  static constexpr int kMaxPoolings = 4;
  Tensor x, y[kMaxPoolings];  // of one shape; no two share an element, though all may be slices of one tensor
  int count;                  // of y
  int kernel;                 // pixels, odd

  MaxPool step(int i) const { return {i == 0 ? x : y[i - 1], y[i], kernel, 1, kernel / 2}; }
};

void run_reference(const MaxPool&, const Memory&);                      // f32 or u8
void run_reference(const MaxPoolChain&, const Memory&);                 // f32 or u8
void max_pool_cpu(const MaxPool&, const Memory&, int first, int last);  // f32 or u8; tiles [first, last)
void max_pool_chain_cuda(const MaxPoolChain&, const Memory&,
                         const CudaStream&);                           // f32 or f16; one launch if the map is small
void max_pool_cuda(const MaxPool&, const Memory&, const CudaStream&);  // f32 or f16

/// For CUDA: whether a thread computes a vector of 16 bytes, not a single element; and the map that the threads divide.
inline bool has_vectors(const MaxPool& op) {
  return vectorizable(op.x) && vectorizable(op.y);
}
inline const Tensor& vector_map(const MaxPool& op) {
  return op.y;
}

StepInfo describe(const MaxPool&);
void parse_shape(ShapeParser&, MaxPool&);
StepInfo describe(const MaxPoolChain&);
void parse_shape(ShapeParser&, MaxPoolChain&);

}  // namespace cudet
