// The register tile of the CPU's convolution kernels, and the loops that cover a tile of work with register tiles, for
// Highway. Included once per target, so the guard below toggles.
#if defined(CUDET_KERNELS_CONV2D_CPU_REGISTER_TILE_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef CUDET_KERNELS_CONV2D_CPU_REGISTER_TILE_INL_H
#undef CUDET_KERNELS_CONV2D_CPU_REGISTER_TILE_INL_H
#else
#define CUDET_KERNELS_CONV2D_CPU_REGISTER_TILE_INL_H
#endif

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "hwy/highway.h"
#include "kernels/activation-inl.h"
#include "kernels/conv2d/cpu/blocks.h"

HWY_BEFORE_NAMESPACE();
namespace cudet {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

constexpr hn::CappedTag<float, kConv2dBlock> kFloats;
using Floats = hn::Vec<decltype(kFloats)>;
constexpr int kLanes = static_cast<int>(hn::MaxLanes(kFloats));
constexpr int kVectors = kConv2dBlock / kLanes;  // per block
static_assert(kConv2dBlock % kLanes == 0, "a block is whole vectors");

// A register tile holds the sums of kPixels pixels by kBlocks blocks, in kPixels · kBlocks · kVectors registers. Sums
// and operands fit 32 registers (AVX-512, NEON) or 16. More than 8 registers of sums hide the latency of the
// multiply-add; more pixels mean fewer loads of weights.
constexpr int kBlocks = kLanes == 16 ? 2 : 1;
constexpr int kPixels = kLanes == 16 ? 8 : kLanes == 8 ? 6 : kLanes == 4 ? (HWY_ARCH_ARM_A64 ? 6 : 2) : 1;

template <int kN>
using Constant = std::integral_constant<int, kN>;

// Covers pixels [first, last) with calls of tile(Constant<M>, pixel), each for M pixels from `pixel` on: M is kM while
// at least kM pixels are left, then smaller.
template <int kM, class Tile>
HWY_INLINE void for_each_tile(int first, int last, const Tile& tile) {
  for (; last - first >= kM; first += kM) tile(Constant<kM>(), first);
  if constexpr (kM > 4)
    for_each_tile<4>(first, last, tile);
  else if constexpr (kM > 1)
    for_each_tile<kM / 2>(first, last, tile);
}

// The output channels of one block, or of kBlocks neighbouring blocks, of one group.
struct BlockChannels {
  int group, first, count;  // first: of y's channels

  BlockChannels(const Conv2d& op, const Conv2dBlocks& blocks, int block, int width) : group(block / blocks.per_group) {
    const int k_per_group = op.y.c / op.groups, k = block % blocks.per_group * kConv2dBlock;
    first = group * k_per_group + k;
    count = std::min(width * kConv2dBlock, k_per_group - k);
  }
};

// Covers the blocks of a range, or [first, last), with calls of body(Constant<B>, block), each for B neighbouring
// blocks of one group from `block` on; B is kBlocks or 1.
template <class Body>
HWY_INLINE void for_each_block(const Conv2dBlocks& blocks, int first, int last, const Body& body) {
  for (int block = first, width; block < last; block += width) {
    width = std::min({kBlocks, last - block, blocks.per_group - block % blocks.per_group});
    if (width == kBlocks)
      body(Constant<kBlocks>(), block);
    else
      body(Constant<1>(), block);
  }
}
template <class Body>
HWY_INLINE void for_each_block(const Conv2dBlocks& blocks, const BlockRanges& ranges, int range, const Body& body) {
  for_each_block(blocks, range * ranges.blocks, std::min((range + 1) * ranges.blocks, blocks.count), body);
}

// The bias of up to kB blocks, padded with zeros.
template <int kB>
struct PaddedBias {
  float values[kB * kConv2dBlock] = {};

  PaddedBias(const Memory& memory, const Tensor& bias, int first, int count) {
    std::memcpy(values, weights_data<float>(memory, bias) + first, count * sizeof(float));
  }
};

// sums += x[pixel][0, count) · weight[0, count). `block_floats`: distance from a block's weights to those of the next.
// With kStream, prefetches x `ahead` floats in advance: if each value is read only once, in a few short rows at a time,
// the processor's prefetcher does not detect a stream.
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
  if (op.activation == Activation::silu) {
    HWY_UNROLL(16)
    for (int n = 0; n < kN; ++n) sums[n] = silu(kFloats, sums[n]);
  } else if (op.activation != Activation::none) {
    activate_vectors(kFloats, op.function(), sums, kN);
  }
}

// y = sums + residual, for kVs vectors of one output pixel; only the first `channels` channels exist.
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
