// Winograd's F(4×4, 3×3) (cpu_tiling.h): transformed patches of the input times transformed weights, point by point.
// Compiled once for each instruction set (Highway), picked at run time.
#include <algorithm>
#include <cstddef>
#include <cstring>

#include "kernels/conv2d/cpu_tiling.h"

// Arrays of vectors are the register tile, and SVE's vectors cannot be in arrays: NEON serves those machines.
#undef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/conv2d/cpu_winograd.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/conv2d/cpu_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace cudet {
namespace HWY_NAMESPACE {
namespace {

constexpr int kIn = kWinogradIn, kOut = kWinogradOut, kPoints = kWinogradPoints;
static_assert(kWinogradChannels % kLanes == 0, "channels are whole vectors");
constexpr std::size_t kPointPadding = 16;  // floats: points of a patch would else lie in the same sets of the cache

// A tile's patches by all input channels, and by the output channels of one job.
struct Scratch {
  alignas(64) float values[kWinogradValueBytes / sizeof(float) + kPoints * kPointPadding];
  alignas(64) float products[kPoints * WinogradTiling::kMostPatches * kBlocks * kConv2dBlock];
};

// Bᵀ d, in place.
HWY_INLINE void transform_input(Floats (&d)[kIn]) {
  const Floats four = hn::Set(kFloats, 4.0f), five = hn::Set(kFloats, 5.0f);
  const Floats even = hn::NegMulAdd(four, d[2], d[4]), odd = hn::NegMulAdd(four, d[1], d[3]);
  const Floats far = hn::Sub(d[4], d[2]), step = hn::Sub(d[3], d[1]), twice = hn::Add(step, step);
  d[0] = hn::MulAdd(four, d[0], hn::NegMulAdd(five, d[2], d[4]));
  d[5] = hn::MulAdd(four, d[1], hn::NegMulAdd(five, d[3], d[5]));
  d[1] = hn::Add(even, odd);
  d[2] = hn::Sub(even, odd);
  d[3] = hn::Add(far, twice);
  d[4] = hn::Sub(far, twice);
}

// y = Aᵀ m.
HWY_INLINE void transform_output(const Floats (&m)[kIn], Floats (&y)[kOut]) {
  const Floats sum = hn::Add(m[1], m[2]), difference = hn::Sub(m[1], m[2]);
  const Floats sum2 = hn::Add(m[3], m[4]), difference2 = hn::Sub(m[3], m[4]);
  y[0] = hn::Add(m[0], hn::Add(sum, sum2));
  y[1] = hn::MulAdd(hn::Set(kFloats, 2.0f), difference2, difference);
  y[2] = hn::MulAdd(hn::Set(kFloats, 4.0f), sum2, sum);
  y[3] = hn::Add(m[5], hn::MulAdd(hn::Set(kFloats, 8.0f), difference2, difference));
}

// What the patches of a tile have in common.
struct Patches {
  const Conv2d& op;
  const WinogradTiling& tiling;
  int image, first, count;
  std::size_t point;  // floats from a point of `values` to the next: count · C and padding
};

// Channels [c, c + kLanes) of one patch.
template <bool kInside>
HWY_INLINE void transform_channels(const Tensor& x, const float* corner, int top, int left, int c, float* values,
                                   std::size_t point) {
  const std::ptrdiff_t pitch = x.pitch, row_pitch = x.w * pitch;
  Floats half[kIn][kIn];  // Bᵀ d, by column
  HWY_UNROLL(6)
  for (int j = 0; j < kIn; ++j) {
    HWY_UNROLL(6)
    for (int i = 0; i < kIn; ++i) {
      const bool inside = kInside || (top + i >= 0 && top + i < x.h && left + j >= 0 && left + j < x.w);
      const float* from = corner + i * row_pitch + j * pitch + c;
      half[j][i] = inside ? hn::LoadU(kFloats, from) : hn::Zero(kFloats);
    }
    transform_input(half[j]);
  }
  HWY_UNROLL(6)
  for (int i = 0; i < kIn; ++i) {
    Floats row[kIn] = {half[0][i], half[1][i], half[2][i], half[3][i], half[4][i], half[5][i]};
    transform_input(row);
    HWY_UNROLL(6)
    for (int j = 0; j < kIn; ++j) hn::StoreU(row[j], kFloats, values + (i * kIn + j) * point + c);
  }
}

// Bᵀ d B of each patch: values are point, patch, C.
void transform_patches(const Patches& patches, const Memory& memory, float* values) {
  const Conv2d& op = patches.op;
  const Tensor& x = op.x;
  const float* image = arena_data<float>(memory, x) + x.pixel(patches.image, 0, 0);
  for (int t = 0; t < patches.count; ++t, values += x.c) {
    const int patch = patches.first + t;
    const int top = patch / patches.tiling.across * kOut - op.pad.h;
    const int left = patch % patches.tiling.across * kOut - op.pad.w;
    const float* corner = image + (static_cast<std::ptrdiff_t>(top) * x.w + left) * x.pitch;
    const bool inside = top >= 0 && top + kIn <= x.h && left >= 0 && left + kIn <= x.w;
    for (int c = 0; c < x.c; c += kLanes)
      if (inside)
        transform_channels<true>(x, corner, top, left, c, values, patches.point);
      else
        transform_channels<false>(x, corner, top, left, c, values, patches.point);
  }
}

// products[0, kM) = x[0, kM) · weight, a row of kB blocks a patch.
template <int kM, int kB>
HWY_INLINE void multiply_few(const float* values, int c, const float* weight, std::size_t block_floats,
                             float* products) {
  const float* x[kM];
  for (int m = 0; m < kM; ++m) x[m] = values + m * c;
  Floats sums[kM][kB * kVectors];
  HWY_UNROLL(16)
  for (int m = 0; m < kM; ++m) {
    HWY_UNROLL(16)
    for (int n = 0; n < kB * kVectors; ++n) sums[m][n] = hn::Zero(kFloats);
  }
  accumulate<kM, kB, true>(x, weight, block_floats, c, sums, kM * c);
  HWY_UNROLL(16)
  for (int m = 0; m < kM; ++m) {
    HWY_UNROLL(16)
    for (int n = 0; n < kB * kVectors; ++n) hn::Store(sums[m][n], kFloats, products + (m * kB * kVectors + n) * kLanes);
  }
}

template <int kM, int kB>
HWY_INLINE void multiply_fewer(int m, const float* values, int c, const float* weight, std::size_t block_floats,
                               float* products) {
  if (m == kM)
    multiply_few<kM, kB>(values, c, weight, block_floats, products);
  else if constexpr (kM > 1)
    multiply_fewer<kM - 1, kB>(m, values, c, weight, block_floats, products);
}

// Products are point, patch, channel of the kB blocks; `weight` is point, C, kConv2dBlock, once a block.
template <int kB>
void multiply(const Patches& patches, const float* values, const float* weight, std::size_t block_floats,
              float* products) {
  const int c = patches.op.x.c, steps = ceil_div(patches.count, kPixels);
  for (int p = 0; p < kPoints; ++p, values += patches.point, weight += static_cast<std::size_t>(c) * kConv2dBlock) {
    for (int step = 0, t = 0; step < steps; ++step) {
      const int m = (patches.count - t + steps - step - 1) / (steps - step);  // as even as can be
      multiply_fewer<kPixels, kB>(m, values + static_cast<std::size_t>(t) * c, c, weight, block_floats,
                                  products + static_cast<std::size_t>(t) * kB * kConv2dBlock);
      t += m;
    }
    products += static_cast<std::size_t>(patches.count) * kB * kConv2dBlock;
  }
}

// Aᵀ m A of one patch and kLanes channels, and the epilogue. `y` and `residual` are at the patch's first pixel.
template <bool kWhole>
HWY_INLINE void finish_patch(const Conv2d& op, const float* products, std::size_t point, Floats bias, Extent extent,
                             int channels, const float* residual, float* y) {
  Floats half[kIn][kOut];  // Aᵀ m, by column
  HWY_UNROLL(6)
  for (int j = 0; j < kIn; ++j) {
    Floats m[kIn];
    HWY_UNROLL(6)
    for (int i = 0; i < kIn; ++i) m[i] = hn::Load(kFloats, products + (i * kIn + j) * point);
    transform_output(m, half[j]);
  }
  HWY_UNROLL(4)
  for (int i = 0; i < kOut; ++i) {
    const Floats row[kIn] = {half[0][i], half[1][i], half[2][i], half[3][i], half[4][i], half[5][i]};
    Floats sums[kOut];
    transform_output(row, sums);
    HWY_UNROLL(4)
    for (int j = 0; j < kOut; ++j) {
      if (!kWhole && (i >= extent.h || j >= extent.w)) continue;
      const std::ptrdiff_t pixel = static_cast<std::ptrdiff_t>(i) * op.y.w + j;
      Floats sum[1] = {hn::Add(sums[j], bias)};
      store_pixel<1>(op, sum, op.add ? residual + pixel * op.residual.pitch : nullptr, y + pixel * op.y.pitch,
                     kWhole ? kLanes : channels);
    }
  }
}

// Aᵀ m A of each patch, and the epilogue. `bias`: kB · kConv2dBlock.
template <int kB>
void transform_back(const Patches& patches, const Memory& memory, const float* products, const float* bias, int first,
                    int channels) {
  const Conv2d& op = patches.op;
  float* image = arena_data<float>(memory, op.y) + op.y.pixel(patches.image, 0, 0) + first;
  const float* residual =
      op.add ? arena_data<float>(memory, op.residual) + op.residual.pixel(patches.image, 0, 0) + first : nullptr;
  const std::size_t point = static_cast<std::size_t>(patches.count) * kB * kConv2dBlock;
  for (int t = 0; t < patches.count; ++t, products += kB * kConv2dBlock) {
    const int patch = patches.first + t;
    const int top = patch / patches.tiling.across * kOut, left = patch % patches.tiling.across * kOut;
    const Extent extent{std::min(kOut, op.y.h - top), std::min(kOut, op.y.w - left)};
    const std::size_t pixel = static_cast<std::size_t>(top) * op.y.w + left;
    for (int k = 0; k < channels; k += kLanes) {
      const Floats b = hn::LoadU(kFloats, bias + k);
      const int of_vector = std::min(channels - k, kLanes);
      const float* added = op.add ? residual + pixel * op.residual.pitch + k : nullptr;
      float* y = image + pixel * op.y.pitch + k;
      if (extent.h == kOut && extent.w == kOut && of_vector == kLanes)
        finish_patch<true>(op, products + k, point, b, extent, of_vector, added, y);
      else
        finish_patch<false>(op, products + k, point, b, extent, of_vector, added, y);
    }
  }
}

template <int kB>
void blocks_of_tile(const Patches& patches, const Memory& memory, int block, Scratch& scratch) {
  const Conv2d& op = patches.op;
  const std::size_t block_floats = static_cast<std::size_t>(kPoints) * op.x.c * kConv2dBlock;
  const float* weight = weights_data<float>(memory, op.weight);
  const int first = block * kConv2dBlock, channels = std::min(kB * kConv2dBlock, op.y.c - first);
  float bias[kB * kConv2dBlock] = {};
  std::memcpy(bias, weights_data<float>(memory, op.bias) + first, channels * sizeof(float));
  multiply<kB>(patches, scratch.values, weight + block * block_floats, block_floats, scratch.products);
  transform_back<kB>(patches, memory, scratch.products, bias, first, channels);
}

void winograd_tiles(const Conv2d& op, const Memory& memory, int first, int last) {
  const WinogradTiling tiling(op);
  Scratch scratch;
  for (int tile = first, transformed = -1; tile < last; ++tile) {
    const int range = tile % tiling.block_ranges, run = tile / tiling.block_ranges % tiling.runs;
    Patches patches{op, tiling, tile / tiling.block_ranges / tiling.runs, run * tiling.patches_of_tile, 0, 0};
    patches.count = std::min(tiling.patches_of_tile, tiling.patches - patches.first);
    patches.point = static_cast<std::size_t>(patches.count) * op.x.c + kPointPadding;
    if (transformed != tile / tiling.block_ranges) transform_patches(patches, memory, scratch.values);
    transformed = tile / tiling.block_ranges;
    const int end = std::min((range + 1) * tiling.blocks_of_tile, tiling.blocks.count);
    for (int block = range * tiling.blocks_of_tile; block < end;) {
      const int width = std::min(kBlocks, end - block);
      if (width == kBlocks)
        blocks_of_tile<kBlocks>(patches, memory, block, scratch);
      else
        blocks_of_tile<1>(patches, memory, block, scratch);
      block += width;
    }
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace cudet
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cudet {

HWY_EXPORT(winograd_tiles);

int conv2d_cpu_winograd_tiles(const Conv2d& op) {
  const WinogradTiling tiling(op);
  return op.y.n * tiling.runs * tiling.block_ranges;
}

void conv2d_cpu_winograd(const Conv2d& op, const Memory& memory, int first, int last) {
  HWY_DYNAMIC_DISPATCH(winograd_tiles)(op, memory, first, last);
}

}  // namespace cudet
#endif
