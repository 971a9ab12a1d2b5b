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

constexpr int kIn = kWinogradIn, kOut = kWinogradOut;
constexpr int kPasses = kWinogradPasses, kLast = kPasses - 1, kRows = kIn / kPasses;  // rows of points of a pass
constexpr int kPoints = kWinogradPassPoints;
static_assert(kRows == 2 && kPoints == kRows * kIn, "a pass takes a pair of rows");
static_assert(kWinogradChannels % kLanes == 0, "channels are whole vectors");

// A tile's patches: of a pass, their points by all input channels; then sums by all output channels of the tile, and
// what a pass adds to those of one block.
struct Scratch {
  alignas(64) float room[kWinogradRoom];
  alignas(64) float products[kPoints * WinogradTiling::kMostPatches * kBlocks * kConv2dBlock];
};

// Bᵀ d, by pairs of points: 1 and −1, 2 and −2, 0 and ∞.
template <int kPass>
HWY_INLINE void transform_input(const Floats (&d)[kIn], Floats& first, Floats& second) {
  const Floats four = hn::Set(kFloats, 4.0f), five = hn::Set(kFloats, 5.0f);
  if constexpr (kPass == kLast) {
    first = hn::MulAdd(four, d[0], hn::NegMulAdd(five, d[2], d[4]));
    second = hn::MulAdd(four, d[1], hn::NegMulAdd(five, d[3], d[5]));
  } else {
    const Floats step = hn::Sub(d[3], d[1]);
    const Floats even = kPass == 0 ? hn::NegMulAdd(four, d[2], d[4]) : hn::Sub(d[4], d[2]);
    const Floats odd = kPass == 0 ? hn::NegMulAdd(four, d[1], d[3]) : hn::Add(step, step);
    first = hn::Add(even, odd);
    second = hn::Sub(even, odd);
  }
}
HWY_INLINE void transform_input(const Floats (&d)[kIn], Floats (&points)[kIn]) {
  transform_input<0>(d, points[0], points[1]);
  transform_input<1>(d, points[2], points[3]);
  transform_input<2>(d, points[4], points[5]);
}

// y = Aᵀ m.
HWY_INLINE void transform_output(const Floats (&m)[kIn], Floats (&y)[kOut]) {
  const Floats sum = hn::Add(m[0], m[1]), difference = hn::Sub(m[0], m[1]);
  const Floats sum2 = hn::Add(m[2], m[3]), difference2 = hn::Sub(m[2], m[3]);
  y[0] = hn::Add(m[4], hn::Add(sum, sum2));
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

// A pass's points of channels [c, c + kLanes) of one patch.
template <int kPass, bool kInside>
HWY_INLINE void transform_channels(const Tensor& x, const float* corner, int top, int left, int c, float* values,
                                   std::size_t point) {
  const std::ptrdiff_t pitch = x.pitch, row_pitch = x.w * pitch;
  Floats half[kRows][kIn];  // Bᵀ d
  HWY_UNROLL(6)
  for (int j = 0; j < kIn; ++j) {
    Floats d[kIn];
    HWY_UNROLL(6)
    for (int i = 0; i < kIn; ++i) {
      if (kPass != kLast && (i == 0 || i == kIn - 1)) continue;
      const bool inside = kInside || (top + i >= 0 && top + i < x.h && left + j >= 0 && left + j < x.w);
      const float* from = corner + i * row_pitch + j * pitch + c;
      d[i] = inside ? hn::LoadU(kFloats, from) : hn::Zero(kFloats);
    }
    transform_input<kPass>(d, half[0][j], half[1][j]);
  }
  HWY_UNROLL(2)
  for (int i = 0; i < kRows; ++i) {
    Floats row[kIn];
    transform_input(half[i], row);
    HWY_UNROLL(6)
    for (int j = 0; j < kIn; ++j) hn::StoreU(row[j], kFloats, values + (i * kIn + j) * point + c);
  }
}

// A pass's points of Bᵀ d B of each patch: values are point, patch, C.
template <int kPass>
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
        transform_channels<kPass, true>(x, corner, top, left, c, values, patches.point);
      else
        transform_channels<kPass, false>(x, corner, top, left, c, values, patches.point);
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

// A pass's part of Aᵀ m A of one patch and kLanes channels is added to `sums`: kOut · kOut vectors.
template <int kPass>
HWY_INLINE void add_pass(const float* products, std::size_t point, float* sums, Floats (&y)[kOut][kOut]) {
  Floats half[kRows][kOut];  // m A
  HWY_UNROLL(2)
  for (int i = 0; i < kRows; ++i) {
    Floats m[kIn];
    HWY_UNROLL(6)
    for (int j = 0; j < kIn; ++j) m[j] = hn::Load(kFloats, products + (i * kIn + j) * point);
    transform_output(m, half[i]);
  }
  const auto at = [sums](int i, int j) { return sums + (i * kOut + j) * kLanes; };
  HWY_UNROLL(4)
  for (int j = 0; j < kOut; ++j) {
    if constexpr (kPass == kLast) {
      y[0][j] = hn::Add(hn::Load(kFloats, at(0, j)), half[0][j]);
      y[1][j] = hn::Load(kFloats, at(1, j));
      y[2][j] = hn::Load(kFloats, at(2, j));
      y[3][j] = hn::Add(hn::Load(kFloats, at(3, j)), half[1][j]);
    } else {
      const Floats sum = hn::Add(half[0][j], half[1][j]), difference = hn::Sub(half[0][j], half[1][j]);
      if constexpr (kPass == 0) {
        hn::Store(sum, kFloats, at(0, j));
        hn::Store(difference, kFloats, at(1, j));
      } else {
        const Floats sum1 = hn::Load(kFloats, at(0, j)), difference1 = hn::Load(kFloats, at(1, j));
        hn::Store(hn::Add(sum1, sum), kFloats, at(0, j));
        hn::Store(hn::MulAdd(hn::Set(kFloats, 2.0f), difference, difference1), kFloats, at(1, j));
        hn::Store(hn::MulAdd(hn::Set(kFloats, 4.0f), sum, sum1), kFloats, at(2, j));
        hn::Store(hn::MulAdd(hn::Set(kFloats, 8.0f), difference, difference1), kFloats, at(3, j));
      }
    }
  }
}

// The epilogue of one patch and kLanes channels. `y` and `residual` are at the patch's first pixel.
template <bool kWhole>
HWY_INLINE void store_patch(const Conv2d& op, const Floats (&sums)[kOut][kOut], Floats bias, Extent extent,
                            int channels, const float* residual, float* y) {
  HWY_UNROLL(4)
  for (int i = 0; i < kOut; ++i) {
    HWY_UNROLL(4)
    for (int j = 0; j < kOut; ++j) {
      if (!kWhole && (i >= extent.h || j >= extent.w)) continue;
      const std::ptrdiff_t pixel = static_cast<std::ptrdiff_t>(i) * op.y.w + j;
      Floats sum[1] = {hn::Add(sums[i][j], bias)};
      store_pixel<1>(op, sum, op.add ? residual + pixel * op.residual.pitch : nullptr, y + pixel * op.y.pitch,
                     kWhole ? kLanes : channels);
    }
  }
}

// Adds a pass's products of kB blocks to the sums; after the last pass, these become outputs.
template <int kPass, int kB>
void transform_back(const Patches& patches, const Memory& memory, const float* products, const float* bias, int first,
                    int channels, float* sums) {
  const Conv2d& op = patches.op;
  float* image = arena_data<float>(memory, op.y) + op.y.pixel(patches.image, 0, 0) + first;
  const float* residual =
      op.add ? arena_data<float>(memory, op.residual) + op.residual.pixel(patches.image, 0, 0) + first : nullptr;
  const std::size_t point = static_cast<std::size_t>(patches.count) * kB * kConv2dBlock;
  for (int t = 0; t < patches.count; ++t) {
    const int patch = patches.first + t;
    const int top = patch / patches.tiling.across * kOut, left = patch % patches.tiling.across * kOut;
    const Extent extent{std::min(kOut, op.y.h - top), std::min(kOut, op.y.w - left)};
    const std::size_t pixel = static_cast<std::size_t>(top) * op.y.w + left;
    for (int k = 0; k < kB * kConv2dBlock; k += kLanes, products += kLanes, sums += kOut * kOut * kLanes) {
      Floats y[kOut][kOut];
      add_pass<kPass>(products, point, sums, y);
      if (kPass != kLast || k >= channels) continue;
      const Floats b = hn::LoadU(kFloats, bias + k);
      const int of_vector = std::min(channels - k, kLanes);
      const float* added = op.add ? residual + pixel * op.residual.pitch + k : nullptr;
      float* to = image + pixel * op.y.pitch + k;
      if (extent.h == kOut && extent.w == kOut && of_vector == kLanes)
        store_patch<true>(op, y, b, extent, of_vector, added, to);
      else
        store_patch<false>(op, y, b, extent, of_vector, added, to);
    }
  }
}

template <int kPass, int kB>
void blocks_of_pass(const Patches& patches, const Memory& memory, int block, const float* values, float* products,
                    float* sums) {
  const Conv2d& op = patches.op;
  const std::size_t pass_floats = static_cast<std::size_t>(kPoints) * op.x.c * kConv2dBlock;
  const float* weight = weights_data<float>(memory, op.weight) + (block * kPasses + kPass) * pass_floats;
  const int first = block * kConv2dBlock, channels = std::min(kB * kConv2dBlock, op.y.c - first);
  float bias[kB * kConv2dBlock] = {};
  std::memcpy(bias, weights_data<float>(memory, op.bias) + first, channels * sizeof(float));
  multiply<kB>(patches, values, weight, kPasses * pass_floats, products);
  transform_back<kPass, kB>(patches, memory, products, bias, first, channels, sums);
}

template <int kPass>
void pass(const Patches& patches, const Memory& memory, int first, int last, Scratch& scratch) {
  float* values = scratch.room;
  float* sums = values + kPoints * patches.point;
  transform_patches<kPass>(patches, memory, values);
  for (int block = first; block < last;) {
    const int width = std::min(kBlocks, last - block);
    if (width == kBlocks)
      blocks_of_pass<kPass, kBlocks>(patches, memory, block, values, scratch.products, sums);
    else
      blocks_of_pass<kPass, 1>(patches, memory, block, values, scratch.products, sums);
    sums += static_cast<std::size_t>(width) * kConv2dBlock * kOut * kOut * patches.count;
    block += width;
  }
}

void winograd_tiles(const Conv2d& op, const Memory& memory, int first, int last) {
  const WinogradTiling tiling(op);
  Scratch scratch;
  for (int tile = first; tile < last; ++tile) {
    const int run = tile % tiling.runs, image = tile / tiling.runs % op.y.n, range = tile / tiling.runs / op.y.n;
    Patches patches{op, tiling, image, run * tiling.patches_of_tile, 0, 0};
    patches.count = std::min(tiling.patches_of_tile, tiling.patches - patches.first);
    patches.point = static_cast<std::size_t>(patches.count) * op.x.c + kWinogradPadding;
    const int block = range * tiling.blocks_of_tile, end = std::min(block + tiling.blocks_of_tile, tiling.blocks.count);
    pass<0>(patches, memory, block, end, scratch);
    pass<1>(patches, memory, block, end, scratch);
    pass<2>(patches, memory, block, end, scratch);
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
