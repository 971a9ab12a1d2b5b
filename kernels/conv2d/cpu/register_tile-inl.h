// The register tile of conv2d_cpu's kernels, for Highway. Included once a target: the guard below toggles.
#if defined(CUDET_KERNELS_CONV2D_CPU_REGISTER_TILE_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef CUDET_KERNELS_CONV2D_CPU_REGISTER_TILE_INL_H
#undef CUDET_KERNELS_CONV2D_CPU_REGISTER_TILE_INL_H
#else
#define CUDET_KERNELS_CONV2D_CPU_REGISTER_TILE_INL_H
#endif

#include "hwy/highway.h"
#include "kernels/activation-inl.h"
#include "kernels/conv2d/cpu/tiling.h"

HWY_BEFORE_NAMESPACE();
namespace cudet {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

constexpr hn::CappedTag<float, kConv2dBlock> kFloats;
using Floats = hn::Vec<decltype(kFloats)>;
constexpr int kLanes = static_cast<int>(hn::MaxLanes(kFloats));
constexpr int kVectors = kConv2dBlock / kLanes;  // of a block
static_assert(kConv2dBlock % kLanes == 0, "a block is whole vectors");

// The register tile: kPixels · kBlocks · kVectors sums, and room for the operands, within 32 registers (AVX-512, NEON)
// or 16. More than 8 sums hide the latency of the multiply-add, more pixels save loads of weights.
constexpr int kBlocks = kLanes == 16 ? 2 : 1;
constexpr int kPixels = kLanes == 16 ? 8 : kLanes == 8 ? 6 : kLanes == 4 ? (HWY_ARCH_ARM_A64 ? 6 : 2) : 1;

// sums += x[pixel][0, count) · weight[0, count). With kStream, what lies so far ahead in x is fetched into the cache:
// where each value is read but once, a processor sees no stream in a few short rows at a time.
template <int kM, int kB, bool kStream = false>
HWY_INLINE void accumulate(const float* const (&x)[kM], const float* weight, std::size_t block_floats, int count,
                           Floats (&sums)[kM][kB * kVectors], std::ptrdiff_t ahead = 0) {
  constexpr int kLine = 16;  // floats of a cache line
  for (int first = 0, last; first < count; first = last) {
    last = kStream ? std::min(first + kLine, count) : count;
    if constexpr (kStream) {
      HWY_UNROLL(16)
      for (int m = 0; m < kM; ++m) __builtin_prefetch(x[m] + first + ahead);
    }
    HWY_UNROLL(4)
    for (int c = first; c < last; ++c, weight += kConv2dBlock) {
      Floats w[kB * kVectors];
      HWY_UNROLL(16)
      for (int n = 0; n < kB * kVectors; ++n)
        w[n] = hn::LoadU(kFloats, weight + n / kVectors * block_floats + n % kVectors * kLanes);
      HWY_UNROLL(16)
      for (int m = 0; m < kM; ++m) {
        const Floats value = hn::Set(kFloats, x[m][c]);
        HWY_UNROLL(16)
        for (int n = 0; n < kB * kVectors; ++n) sums[m][n] = hn::MulAdd(value, w[n], sums[m][n]);
      }
    }
  }
}

template <int kN>
HWY_INLINE void activate(const Conv2d& op, Floats (&sums)[kN]) {
  if (op.activation != Activation::silu) return;
  HWY_UNROLL(16)
  for (int n = 0; n < kN; ++n) sums[n] = silu(kFloats, sums[n]);
}

// The end of a convolution for kVs vectors of one output pixel: y = sums + residual. `channels` of them exist.
template <int kVs>
HWY_INLINE void store_pixel(const Conv2d& op, Floats* sums, const float* residual, float* y, int channels) {
  if (channels == kVs * kLanes) {
    HWY_UNROLL(16)
    for (int n = 0; n < kVs; ++n) {
      if (op.add) sums[n] = hn::Add(sums[n], hn::LoadU(kFloats, residual + n * kLanes));
      hn::StoreU(sums[n], kFloats, y + n * kLanes);
    }
  } else {
    float values[kVs * kLanes];
    HWY_UNROLL(16)
    for (int n = 0; n < kVs; ++n) hn::StoreU(sums[n], kFloats, values + n * kLanes);
    for (int k = 0; k < channels; ++k) y[k] = op.add ? values[k] + residual[k] : values[k];
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace cudet
HWY_AFTER_NAMESPACE();

#endif
