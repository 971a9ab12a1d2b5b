// Bilinear upsampling by a whole factor.
#pragma once
#include "kernels/step_info.h"
#include "kernels/vectors.h"

namespace cudet {

/// y(i, v, u, k) = bilinear(x(i, ·, ·, k), at(v, H), at(u, W)) with
///
///   at(d, size) = clamp((d + 1/2) / scale − 1/2, 0, size − 1)
///   at(d, size) = d · (size − 1) / (scale · size − 1)          if align_corners; 0 if scale · size is 1
///
/// Equals torch.nn.Upsample(scale_factor=scale, mode="bilinear", align_corners=align_corners), except that PyTorch
/// rounds the coordinate to a float and this operator does not (ResizeSource).
struct ResizeBilinear {
  static constexpr const char* kName = "resize_bilinear";
  Tensor x;   // N, H, W, C
  Tensor y;   // N, scale·H, scale·W, C; does not overlap x
  int scale;  // >= 1
  bool align_corners;

  /// One tile per row of y.
  CUDET_HD int tiles() const { return y.n * y.h; }
};

/// The two rows or columns of x between which row or column `d` of y lies, and the weight of the second. The coordinate
/// is an exact fraction, so that it is the same on every processor.
struct ResizeSource {
  int low, high;
  float weight;

  /// size: rows or columns of x.
  CUDET_HD ResizeSource(const ResizeBilinear& op, int d, int size) {
    long long above, below;  // the coordinate is above / below
    if (op.align_corners) {
      above = static_cast<long long>(d) * (size - 1);
      below = op.scale * size > 1 ? op.scale * size - 1 : 1;
    } else {
      above = 2LL * d + 1 - op.scale;
      below = 2LL * op.scale;
    }
    if (above < 0) above = 0;
    low = static_cast<int>(above / below);
    high = low + 1 < size ? low + 1 : low;
    weight = static_cast<float>(above % below) / static_cast<float>(below);
  }
};

void run_reference(const ResizeBilinear&, const Memory&);                             // f32, summed in double
void resize_bilinear_cpu(const ResizeBilinear&, const Memory&, int first, int last);  // f32; tiles [first, last)
void resize_bilinear_cuda(const ResizeBilinear&, const Memory&, const CudaStream&);   // f32 or f16; sums in f32

/// For CUDA: whether a thread computes a vector of 16 bytes, not a single element; and the map that the threads divide.
inline bool has_vectors(const ResizeBilinear& op) {
  return vectorizable(op.x) && vectorizable(op.y);
}
inline const Tensor& vector_map(const ResizeBilinear& op) {
  return op.y;
}

StepInfo describe(const ResizeBilinear&);
void parse_shape(ShapeParser&, ResizeBilinear&);

}  // namespace cudet
