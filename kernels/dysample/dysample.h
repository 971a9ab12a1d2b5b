// DySample's sampling: upsampling at points that the network computes ("Learning to Upsample by Learning to Sample",
// ICCV 2023, arXiv 2308.15085, section 3.2).
#pragma once
#include "kernels/conv2d/conv2d.h"
#include "kernels/step_info.h"
#include "kernels/vectors.h"

namespace cudet {

/// s = scale, G = groups, g = ⌊k / (C/G)⌋, m(d) = d·G·s² + g·s² + p·s + q (d = 0: x, 1: y); for p, q in [0, s):
///
///   y(i, s·v + p, s·u + q, k) = bilinear(x(i, ·, ·, k),
///       row    clamp(v + ((p − (s−1)/2)/s + a·offset(i, v, u, m(1))), 0, H−1),
///       column clamp(u + ((q − (s−1)/2)/s + a·offset(i, v, u, m(0))), 0, W−1))
///
/// with a = 0.25, or 0.5·σ(offset(i, v, u, 2·G·s² + m(d))) with dyscope. Coordinates are computed in f32 in this order,
/// so that offsets of exactly −4 (p − (s−1)/2)/s give nearest upsampling, bit for bit. A coordinate that is NaN counts
/// as 0. A corner of weight 0 is ignored, whatever its value. The 1×1 convolution that computes the offsets is a Conv2d
/// (style lp; style pl becomes one with expanded weights: layers/dysample.cpp).
struct DySample {
  static constexpr const char* kName = "dysample";
  Tensor x;       // N, H, W, C; u8 has the scale and zero of y, and sums are rounded to nearest
  Tensor offset;  // N, H, W, 2·G·s², or 4·G·s² with dyscope: the offset map, then the scope map before σ
  Tensor y;       // N, s·H, s·W, C
  int scale, groups;
  bool dyscope;

  /// One tile per row of x, which is `scale` rows of y.
  CUDET_HD int tiles() const { return x.n * x.h; }
};

/// The 1x1 convolution that computes the offsets (conv.y is sample.offset), and the sampling at them.
struct ConvDySample {
  static constexpr const char* kName = "conv_dysample";
  Conv2d conv;
  DySample sample;
};

void run_reference(const DySample&, const Memory&);                      // f32 or u8
void run_reference(const ConvDySample&, const Memory&);                  // f32
void dysample_cpu(const DySample&, const Memory&, int first, int last);  // f32 or u8; tiles [first, last)
/// Whether one launch can run both operators.
bool conv_dysample_fits(const ConvDySample&);
struct ConvDySamplePlan;  // conv_dysample_plan.h
/// Runs both in one launch, with a plan that conv_dysample_plan() made for them; they must fit. Offsets stay in shared
/// memory, in f32, and conv.y is not written. Throws Error if CUDA refuses the launch.
void conv_dysample_cuda(const ConvDySample&, const ConvDySamplePlan&, const Memory&, const CudaStream&);
void dysample_cuda(const DySample&, const Memory&, const CudaStream&);  // f32 or f16

/// For CUDA: whether a thread computes a vector of 16 bytes, not a single element; and the map that the threads divide.
/// No vector is in two groups.
inline bool has_vectors(const DySample& op) {
  return vectorizable(op.x) && vectorizable(op.y) && op.x.c / op.groups * size_of(op.x.type) % 16 == 0;
}
inline const Tensor& vector_map(const DySample& op) {
  return op.y;
}

StepInfo describe(const DySample&);
void parse_shape(ShapeParser&, DySample&);
StepInfo describe(const ConvDySample&);
void parse_shape(ShapeParser&, ConvDySample&);

}  // namespace cudet
