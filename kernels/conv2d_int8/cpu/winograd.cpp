// Winograd's F(4×4, 3×3) (conv2d/cpu_tiling.h) on integers: transformed patches of the input, exact in 16 bits, times
// transformed weights of 16 bits, summed in 32. Compiled once for each instruction set (Highway), picked at run time.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/conv2d_int8/cpu/tiling.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/conv2d_int8/cpu/winograd.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/conv2d/cpu/winograd-inl.h"
#include "kernels/conv2d_int8/cpu/register_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace cudet {
namespace HWY_NAMESPACE {
namespace {

constexpr int kIn = kInt8WinogradIn, kPoints = kInt8WinogradPoints;
constexpr std::size_t kPointPadding = 32;  // values: points of a patch would else lie in the same sets of the cache

constexpr hn::CappedTag<std::int16_t, 16> kValues;  // C is whole vectors
using Values = hn::Vec<decltype(kValues)>;
constexpr int kValueLanes = static_cast<int>(hn::MaxLanes(kValues));

// A tile's patches by all input channels, and by the output channels of one job.
struct Scratch {
  alignas(64) std::int16_t values[Int8WinogradTiling::kValueShorts + kPoints * kPointPadding];
  alignas(64) std::int32_t products[kPoints * Int8WinogradTiling::kMostPatches * kBlocks * kConv2dBlock];
};
constexpr std::size_t kScratch = sizeof(Scratch);
static_assert(kScratch <= kCpuScratch, "it has room in Memory::scratch");

// Bᵀ d, in place; points in the order of Stride1. What leaves 16 bits on the way comes back: the result fits.
HWY_INLINE void transform_input(Values (&d)[kIn]) {
  const auto four = [](Values v) { return hn::ShiftLeft<2>(v); };
  const Values even = hn::Sub(d[4], four(d[2])), odd = hn::Sub(d[3], four(d[1]));
  const Values far = hn::Sub(d[4], d[2]), step = hn::Sub(d[3], d[1]), twice = hn::Add(step, step);
  const Values at_zero = hn::Add(four(hn::Sub(d[0], d[2])), far);
  const Values at_infinity = hn::Sub(d[5], hn::Add(four(step), d[3]));
  d[0] = hn::Add(even, odd);
  d[1] = hn::Sub(even, odd);
  d[2] = hn::Add(far, twice);
  d[3] = hn::Sub(far, twice);
  d[4] = at_zero;
  d[5] = at_infinity;
}

// What the patches of a tile have in common.
struct Patches {
  const Conv2dInt8& op;
  const Int8WinogradTiling& tiling;
  int image, first, count;
  std::size_t point;  // values from a point of `values` to the next: count · C and padding
};

// Channels [c, c + kValueLanes) of one patch.
template <bool kInside>
HWY_INLINE void transform_channels(const Tensor& x, Values zero, const std::uint8_t* corner, int top, int left, int c,
                                   std::int16_t* values, std::size_t point) {
  constexpr hn::Rebind<std::uint8_t, decltype(kValues)> bytes;
  const std::ptrdiff_t pitch = x.pitch, row_pitch = x.w * pitch;
  Values half[kIn][kIn];  // Bᵀ d, by column
  HWY_UNROLL(6)
  for (int j = 0; j < kIn; ++j) {
    HWY_UNROLL(6)
    for (int i = 0; i < kIn; ++i) {
      const bool inside = kInside || (top + i >= 0 && top + i < x.h && left + j >= 0 && left + j < x.w);
      const std::uint8_t* from = corner + i * row_pitch + j * pitch + c;
      half[j][i] = inside ? hn::Sub(hn::PromoteTo(kValues, hn::LoadU(bytes, from)), zero) : hn::Zero(kValues);
    }
    transform_input(half[j]);
  }
  HWY_UNROLL(6)
  for (int i = 0; i < kIn; ++i) {
    Values row[kIn] = {half[0][i], half[1][i], half[2][i], half[3][i], half[4][i], half[5][i]};
    transform_input(row);
    HWY_UNROLL(6)
    for (int j = 0; j < kIn; ++j) hn::StoreU(row[j], kValues, values + (i * kIn + j) * point + c);
  }
}

// Bᵀ d B of each patch: values are point, patch, C.
void transform_patches(const Patches& patches, const Memory& memory, std::int16_t* values) {
  const Conv2d& conv = patches.op.conv;
  const Tensor& x = conv.x;
  const Values zero = hn::Set(kValues, static_cast<std::int16_t>(patches.op.x.zero));
  const std::uint8_t* image = arena_data<std::uint8_t>(memory, x) + x.pixel(patches.image, 0, 0);
  for (int t = 0; t < patches.count; ++t, values += x.c) {
    const int patch = patches.first + t;
    const int top = patch / patches.tiling.across * kOut - conv.pad.h;
    const int left = patch % patches.tiling.across * kOut - conv.pad.w;
    const std::uint8_t* corner = image + (static_cast<std::ptrdiff_t>(top) * x.w + left) * x.pitch;
    const bool inside = top >= 0 && top + kIn <= x.h && left >= 0 && left + kIn <= x.w;
    for (int c = 0; c < x.c; c += kValueLanes)
      if (inside)
        transform_channels<true>(x, zero, corner, top, left, c, values, patches.point);
      else
        transform_channels<false>(x, zero, corner, top, left, c, values, patches.point);
  }
}

// products[0, kM) = x[0, kM) · weight, a row of kB blocks a patch.
template <int kM, int kB>
HWY_INLINE void multiply_few(const std::int16_t* values, int c, const std::int32_t* weight, std::size_t block_pairs,
                             std::int32_t* products) {
  const std::int16_t* x[kM];
  for (int m = 0; m < kM; ++m) x[m] = values + m * c;
  Ints sums[kM][kB * kVectors];
  HWY_UNROLL(16)
  for (int m = 0; m < kM; ++m) {
    HWY_UNROLL(16)
    for (int n = 0; n < kB * kVectors; ++n) sums[m][n] = hn::Zero(kInts);
  }
  accumulate_pairs<kM, kB>(x, weight, block_pairs, c / 2, sums);
  HWY_UNROLL(16)
  for (int m = 0; m < kM; ++m) {
    HWY_UNROLL(16)
    for (int n = 0; n < kB * kVectors; ++n) hn::Store(sums[m][n], kInts, products + (m * kB * kVectors + n) * kLanes);
  }
}

template <int kM, int kB>
HWY_INLINE void multiply_fewer(int m, const std::int16_t* values, int c, const std::int32_t* weight,
                               std::size_t block_pairs, std::int32_t* products) {
  if (m == kM)
    multiply_few<kM, kB>(values, c, weight, block_pairs, products);
  else if constexpr (kM > 1)
    multiply_fewer<kM - 1, kB>(m, values, c, weight, block_pairs, products);
}

// Products are point, patch, channel of the kB blocks.
template <int kB>
void multiply(const Patches& patches, const std::int16_t* values, const std::int32_t* weight, std::int32_t* products) {
  const int c = patches.op.conv.x.c, steps = ceil_div(patches.count, kPixels);
  for (int p = 0; p < kPoints; ++p, values += patches.point, weight += static_cast<std::size_t>(c) / 2 * kConv2dBlock) {
    for (int step = 0, t = 0; step < steps; ++step) {
      const int m = (patches.count - t + steps - step - 1) / (steps - step);  // as even as can be
      multiply_fewer<kPixels, kB>(m, values + static_cast<std::size_t>(t) * c, c, weight, patches.tiling.block_pairs,
                                  products + static_cast<std::size_t>(t) * kB * kConv2dBlock);
      t += m;
    }
    products += static_cast<std::size_t>(patches.count) * kB * kConv2dBlock;
  }
}

enum class Finish : unsigned char { usual, usual_added, any };  // whole patches and vectors (Epilogue::usual), or not

// Aᵀ m A of one patch and kLanes channels, and the epilogue. `y` and `residual` are at the patch's first pixel.
template <Finish kFinish>
HWY_INLINE void finish_patch(const Conv2d& conv, const Epilogue& end, const std::int32_t* products, std::size_t point,
                             const float* multiplier, Floats bias, Extent extent, int channels,
                             const std::uint8_t* residual, std::byte* y) {
  Floats half[kIn][kOut];  // Aᵀ m, by column
  HWY_UNROLL(6)
  for (int j = 0; j < kIn; ++j) {
    Floats m[kIn];
    HWY_UNROLL(6)
    for (int i = 0; i < kIn; ++i)
      m[i] = hn::Mul(hn::ConvertTo(kFloats, hn::Load(kInts, products + (i * kIn + j) * point)),
                     hn::LoadU(kFloats, multiplier + (i * kIn + j) * kConv2dBlock));
    Stride1::outputs(m, half[j]);
  }
  const std::ptrdiff_t size = kFinish == Finish::any ? static_cast<std::ptrdiff_t>(size_of(conv.y.type)) : 1;
  HWY_UNROLL(4)
  for (int i = 0; i < kOut; ++i) {
    const Floats row[kIn] = {half[0][i], half[1][i], half[2][i], half[3][i], half[4][i], half[5][i]};
    Floats sums[kOut];
    Stride1::outputs(row, sums);
    HWY_UNROLL(4)
    for (int j = 0; j < kOut; ++j) {
      const std::ptrdiff_t pixel = static_cast<std::ptrdiff_t>(i) * conv.y.w + j;
      const Floats value = hn::Add(sums[j], bias);
      std::byte* to = y + pixel * conv.y.pitch * size;
      if constexpr (kFinish == Finish::usual)
        store_usual<false>(end, value, nullptr, to);
      else if constexpr (kFinish == Finish::usual_added)
        store_usual<true>(end, value, residual + pixel * conv.residual.pitch, to);
      else if (i < extent.h && j < extent.w)
        store_vector(end, value, conv.add ? residual + pixel * conv.residual.pitch : nullptr, to, channels);
    }
  }
}

// Aᵀ m A of each patch, and the epilogue. `multiplier` is block, point, kConv2dBlock; `bias` kB · kConv2dBlock.
template <int kB>
void transform_back(const Patches& patches, const Memory& memory, const std::int32_t* products, const float* multiplier,
                    const float* bias, int first, int channels) {
  const Conv2d& conv = patches.op.conv;
  const Epilogue end(patches.op);
  const std::size_t size = size_of(conv.y.type);
  std::byte* image = memory.arena + conv.y.offset + (conv.y.pixel(patches.image, 0, 0) + first) * size;
  const std::uint8_t* residual =
      conv.add ? arena_data<std::uint8_t>(memory, conv.residual) + conv.residual.pixel(patches.image, 0, 0) + first
               : nullptr;
  const std::size_t point = static_cast<std::size_t>(patches.count) * kB * kConv2dBlock;
  for (int t = 0; t < patches.count; ++t, products += kB * kConv2dBlock) {
    const int patch = patches.first + t;
    const int top = patch / patches.tiling.across * kOut, left = patch % patches.tiling.across * kOut;
    const Extent extent{std::min(kOut, conv.y.h - top), std::min(kOut, conv.y.w - left)};
    const std::size_t pixel = static_cast<std::size_t>(top) * conv.y.w + left;
    for (int k = 0; k < channels; k += kLanes) {
      const Floats b = hn::LoadU(kFloats, bias + k);
      const float* m = multiplier + k / kConv2dBlock * kPoints * kConv2dBlock + k % kConv2dBlock;
      const int of_vector = std::min(channels - k, kLanes);
      const std::uint8_t* added = conv.add ? residual + pixel * conv.residual.pitch + k : nullptr;
      std::byte* y = image + (pixel * conv.y.pitch + k) * size;
      const bool usual = end.usual() && extent == Extent{kOut, kOut} && of_vector == kLanes;
      if (!usual)
        finish_patch<Finish::any>(conv, end, products + k, point, m, b, extent, of_vector, added, y);
      else if (conv.add)
        finish_patch<Finish::usual_added>(conv, end, products + k, point, m, b, extent, of_vector, added, y);
      else
        finish_patch<Finish::usual>(conv, end, products + k, point, m, b, extent, of_vector, added, y);
    }
  }
}

template <int kB>
void blocks_of_tile(const Patches& patches, const Memory& memory, int block, Scratch& scratch) {
  const Conv2d& conv = patches.op.conv;
  const Int8WinogradTiling& tiling = patches.tiling;
  const float* multipliers = weights_data<float>(memory, conv.weight);
  const auto* weights = reinterpret_cast<const std::int32_t*>(
      multipliers + static_cast<std::size_t>(tiling.blocks.count) * kPoints * kConv2dBlock);
  const int first = block * kConv2dBlock, channels = std::min(kB * kConv2dBlock, conv.y.c - first);
  float bias[kB * kConv2dBlock] = {};
  std::memcpy(bias, weights_data<float>(memory, conv.bias) + first, channels * sizeof(float));
  multiply<kB>(patches, scratch.values, weights + block * tiling.block_pairs, scratch.products);
  transform_back<kB>(patches, memory, scratch.products,
                     multipliers + static_cast<std::size_t>(block) * kPoints * kConv2dBlock, bias, first, channels);
}

void winograd_tiles(const Conv2dInt8& op, const Memory& memory, int first, int last) {
  const Int8WinogradTiling tiling(op.conv);
  Scratch& scratch = *reinterpret_cast<Scratch*>(memory.scratch);
  for (int tile = first, transformed = -1; tile < last; ++tile) {
    const int range = tile % tiling.block_ranges, run = tile / tiling.block_ranges % tiling.runs;
    Patches patches{op, tiling, tile / tiling.block_ranges / tiling.runs, run * tiling.patches_of_tile, 0, 0};
    patches.count = std::min(tiling.patches_of_tile, tiling.patches - patches.first);
    patches.point = static_cast<std::size_t>(patches.count) * op.conv.x.c + kPointPadding;
    if (transformed != tile / tiling.block_ranges) transform_patches(patches, memory, scratch.values);
    transformed = tile / tiling.block_ranges;
    const int end = std::min((range + 1) * tiling.blocks_of_tile, tiling.blocks.count);
    for (int block = range * tiling.blocks_of_tile, width; block < end; block += width) {
      width = std::min(kBlocks, end - block);
      if (width == kBlocks)
        blocks_of_tile<kBlocks>(patches, memory, block, scratch);
      else
        blocks_of_tile<1>(patches, memory, block, scratch);
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

int conv2d_int8_cpu_winograd_tiles(const Conv2dInt8& op) {
  const Int8WinogradTiling tiling(op.conv);
  return op.conv.y.n * tiling.runs * tiling.block_ranges;
}

void conv2d_int8_cpu_winograd(const Conv2dInt8& op, const Memory& memory, int first, int last) {
  HWY_DYNAMIC_DISPATCH(winograd_tiles)(op, memory, first, last);
}

}  // namespace cudet
#endif
