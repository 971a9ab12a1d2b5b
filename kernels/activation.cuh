// Activations on CUDA, other than SiLU, which the convolution's epilogue computes itself.
#pragma once
#include <cuda_runtime.h>

#include "kernels/activation.h"

namespace cudet {

/// x · Φ(x). Φ by the formula 7.1.26 of Abramowitz and Stegun, whose error is at most 1.5e-7.
__device__ __forceinline__ float gelu(float x) {
  const float z = fabsf(x) * 0.707106781f;
  const float t = __fdividef(1.0f, fmaf(z, 0.3275911f, 1.0f));
  float p = 0.5307027145f;  // half of the formula's coefficients
  p = fmaf(p, t, -0.7265760135f);
  p = fmaf(p, t, 0.7107068705f);
  p = fmaf(p, t, -0.142248368f);
  p = fmaf(p, t, 0.127414796f);
  const float tail = p * t * __expf(-z * z);  // Φ(−|x|)
  return x * (x < 0 ? tail : 1.0f - tail);
}

/// x · tanh(ln(1 + e^x)) = x · (1 + 2u) / (1 + 2u + 2u²) with u = e^−x. The bound keeps u finite. If the divisor
/// overflows, the factor is 0.
__device__ __forceinline__ float mish(float x) {
  const float u = __expf(x < -80.0f ? 80.0f : -x), upper = fmaf(u, 2.0f, 1.0f);
  return x * __fdividef(upper, fmaf(2.0f * u, u, upper));
}

/// Applies the activation to each value. The comparisons are false for NaN, which stays NaN.
template <int kCount>
__device__ __forceinline__ void activate(Activation kind, float slope, float (&value)[kCount]) {
  if (kind == Activation::gelu) {
#pragma unroll
    for (float& v : value) v = gelu(v);
  } else if (kind == Activation::mish) {
#pragma unroll
    for (float& v : value) v = mish(v);
  } else if (kind == Activation::hardswish) {
#pragma unroll
    for (float& v : value) {
      const float shifted = v + 3.0f;
      v *= (shifted > 6.0f ? 6.0f : shifted < 0.0f ? 0.0f : shifted) * (1.0f / 6);
    }
  } else {  // relu, relu6, leaky_relu
    const bool leaky = kind == Activation::leaky_relu, bounded = kind == Activation::relu6;
#pragma unroll
    for (float& v : value) v = v < 0.0f ? (leaky ? slope * v : 0.0f) : bounded && v > 6.0f ? 6.0f : v;
  }
}

}  // namespace cudet
