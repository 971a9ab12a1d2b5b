// Winograd's kernel (cpu_tiling.h): transformed patches of the input times transformed weights, point by point.
// Compiled once for each instruction set (Highway), picked at run time.
#include <algorithm>
#include <cstddef>
#include <cstring>

#include "kernels/conv2d/cpu/tiling.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/conv2d/cpu/winograd.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/conv2d/cpu/winograd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace cudet {
namespace HWY_NAMESPACE {
namespace {

static_assert(kWinogradChannels % kLanes == 0 && kWinogradChunk % kWinogradChannels == 0, "channels are whole vectors");

// Weights of a pass that are transformed here: of a chunk, point after point with padding between.
constexpr int kTransformedPoint = kWinogradChunk * kConv2dBlock + kWinogradPadding;
constexpr int kTransformedBlock = kWinogradWeightRows * kWinogradSide * kTransformedPoint;

// Of a tile: its room (WinogradTiling); products of the blocks at hand, where no other chunk adds to them; weights of
// these blocks.
struct Scratch {
  alignas(64) float room[kWinogradRoom];
  alignas(64) float products[kWinogradProducts * kBlocks * kConv2dBlock];
  alignas(64) float weights[kBlocks * kTransformedBlock];
};
constexpr std::size_t kScratch = sizeof(Scratch);
static_assert(kScratch <= kCpuScratch, "it has room in Memory::scratch");

// What the patches of a tile have in common.
struct Patches {
  const Conv2d& op;
  const WinogradTiling& tiling;
  int image, first, count;
  int c, channels;    // the chunk of input channels: first and how many
  std::size_t point;  // floats from a point of `values` to the next: count · channels and padding
};

// A pass's points of channels [c, c + kLanes) of one patch.
template <class Form, int kPass, bool kInside>
HWY_INLINE void transform_channels(const Tensor& x, const float* corner, int top, int left, int c, float* values,
                                   std::size_t point) {
  constexpr int kIn = Form::kIn, kRows = Form::kRows;
  const std::ptrdiff_t pitch = x.pitch, row_pitch = x.w * pitch;
  Floats half[kRows][kIn];  // Bᵀ d
  HWY_UNROLL(9)
  for (int j = 0; j < kIn; ++j) {
    Floats d[kIn], rows[kRows];
    HWY_UNROLL(9)
    for (int i = 0; i < kIn; ++i) {
      if (!Form::reads(kPass, i)) continue;
      const bool inside = kInside || (top + i >= 0 && top + i < x.h && left + j >= 0 && left + j < x.w);
      const float* from = corner + i * row_pitch + j * pitch + c;
      d[i] = inside ? hn::LoadU(kFloats, from) : hn::Zero(kFloats);
    }
    Form::template points<kPass>(d, rows);
    HWY_UNROLL(4)
    for (int i = 0; i < kRows; ++i) half[i][j] = rows[i];
  }
  HWY_UNROLL(4)
  for (int i = 0; i < kRows; ++i) {
    Floats row[kIn];
    Form::all_points(half[i], row);
    HWY_UNROLL(9)
    for (int j = 0; j < kIn; ++j) hn::StoreU(row[j], kFloats, values + (i * kIn + j) * point + c);
  }
}

// A pass's points of Bᵀ d B of each patch: values are point, patch, channel of the chunk.
template <class Form, int kPass>
void transform_patches(const Patches& patches, const Memory& memory, float* values) {
  constexpr int kIn = Form::kIn, kStep = kOut * Form::kStride;
  const Conv2d& op = patches.op;
  const Tensor& x = op.x;
  const float* image = arena_data<float>(memory, x) + x.pixel(patches.image, 0, 0) + patches.c;
  for (int t = 0; t < patches.count; ++t, values += patches.channels) {
    const int patch = patches.first + t;
    const int top = patch / patches.tiling.across * kStep - op.pad.h;
    const int left = patch % patches.tiling.across * kStep - op.pad.w;
    const float* corner = image + (static_cast<std::ptrdiff_t>(top) * x.w + left) * x.pitch;
    const bool inside = top >= 0 && top + kIn <= x.h && left >= 0 && left + kIn <= x.w;
    for (int c = 0; c < patches.channels; c += kLanes)
      if (inside)
        transform_channels<Form, kPass, true>(x, corner, top, left, c, values, patches.point);
      else
        transform_channels<Form, kPass, false>(x, corner, top, left, c, values, patches.point);
  }
}

// A pass's weights for a chunk, once a block: weight, channel, kConv2dBlock.
struct Weights {
  const float* first;
  std::size_t point, block;  // floats from one to the next
};

// products[0, kM) = x[0, kM) · weight, or added to them: a row of kB blocks a patch.
template <int kM, int kB>
HWY_INLINE void multiply_few(const float* values, int c, const float* weight, std::size_t block_floats, bool added,
                             float* products) {
  const float* x[kM];
  for (int m = 0; m < kM; ++m) x[m] = values + m * c;
  Floats sums[kM][kB * kVectors];
  HWY_UNROLL(16)
  for (int m = 0; m < kM; ++m) {
    HWY_UNROLL(16)
    for (int n = 0; n < kB * kVectors; ++n)
      sums[m][n] = added ? hn::Load(kFloats, products + (m * kB * kVectors + n) * kLanes) : hn::Zero(kFloats);
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
                               bool added, float* products) {
  if (m == kM)
    multiply_few<kM, kB>(values, c, weight, block_floats, added, products);
  else if constexpr (kM > 1)
    multiply_fewer<kM - 1, kB>(m, values, c, weight, block_floats, added, products);
}

// Products are a pass's point, patch, channel of the kB blocks.
template <int kB>
void multiply(const Patches& patches, const WinogradForm& form, int pass, const float* values, const Weights& weights,
              float* products) {
  const int c = patches.channels, steps = ceil_div(patches.count, kPixels);
  for (int p = 0; p < form.pass_points(); ++p, values += patches.point) {
    const float* of_point = weights.first + static_cast<std::size_t>(form.weight(pass, p)) * weights.point;
    for (int step = 0, t = 0; step < steps; ++step) {
      const int m = (patches.count - t + steps - step - 1) / (steps - step);  // as even as can be
      multiply_fewer<kPixels, kB>(m, values + static_cast<std::size_t>(t) * c, c, of_point, weights.block,
                                  patches.c > 0, products + static_cast<std::size_t>(t) * kB * kConv2dBlock);
      t += m;
    }
    products += static_cast<std::size_t>(patches.count) * kB * kConv2dBlock;
  }
}

// A pass's part of Aᵀ m A of one patch and kLanes channels is added to `sums`: kOut · kOut vectors.
template <class Form, int kPass>
HWY_INLINE void add_pass(const float* products, std::size_t point, float* sums, Floats (&y)[kOut][kOut]) {
  constexpr int kIn = Form::kIn, kRows = Form::kRows;
  Floats half[kRows][kOut];  // m A
  HWY_UNROLL(4)
  for (int i = 0; i < kRows; ++i) {
    Floats m[kIn];
    HWY_UNROLL(9)
    for (int j = 0; j < kIn; ++j) m[j] = hn::Load(kFloats, products + (i * kIn + j) * point);
    Form::outputs(m, half[i]);
  }
  HWY_UNROLL(4)
  for (int j = 0; j < kOut; ++j) {
    Floats m[kRows], column[kOut];
    HWY_UNROLL(4)
    for (int i = 0; i < kRows; ++i) m[i] = half[i][j];
    Form::template add<kPass>(m, sums + j * kLanes, column);
    if constexpr (kPass == kLast) {
      HWY_UNROLL(4)
      for (int i = 0; i < kOut; ++i) y[i][j] = column[i];
    }
  }
}

// The epilogue of one patch and kLanes channels. `y` and `residual` are at the patch's first pixel.
template <bool kWhole>
HWY_INLINE void store_patch(const Conv2d& op, const Floats (&sums)[kOut][kOut], Floats bias, Extent extent,
                            int channels, const float* residual, float* y) {
  HWY_UNROLL(4)
  for (int i = 0; i < kOut; ++i) {
    Floats row[kOut];
    HWY_UNROLL(4)
    for (int j = 0; j < kOut; ++j) row[j] = hn::Add(sums[i][j], bias);
    activate(op, row);  // before any is stored: chains of some 15 instructions overlap
    HWY_UNROLL(4)
    for (int j = 0; j < kOut; ++j) {
      if (!kWhole && (i >= extent.h || j >= extent.w)) continue;
      const std::ptrdiff_t pixel = static_cast<std::ptrdiff_t>(i) * op.y.w + j;
      store_pixel<1>(op, &row[j], op.add ? residual + pixel * op.residual.pitch : nullptr, y + pixel * op.y.pitch,
                     kWhole ? kLanes : channels);
    }
  }
}

// Adds a pass's products of kB blocks to the sums; after the last pass, these become outputs.
template <class Form, int kPass, int kB>
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
      add_pass<Form, kPass>(products, point, sums, y);
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

// Where conv2d_cpu_pack has them, or transformed into `transformed`.
template <class Form, int kPass, int kB>
HWY_INLINE Weights weights_of_pass(const Patches& patches, const Memory& memory, int block, float* transformed) {
  const Conv2d& op = patches.op;
  const std::size_t point = static_cast<std::size_t>(op.x.c) * kConv2dBlock;
  const std::size_t chunk = static_cast<std::size_t>(patches.c) * kConv2dBlock;
  const float* packed = weights_data<float>(memory, op.weight);
  if (!conv2d_cpu_winograd_keeps_taps(op)) {
    packed +=
        (static_cast<std::size_t>(block) * kWinogradWeights + Form::kForm.weight_row[kPass] * kWinogradSide) * point;
    return {packed + chunk, point, kWinogradWeights * point};
  }
  for (int b = 0; b < kB; ++b)
    transform_weights<Form, kPass>(packed + 9 * ((block + b) * point + chunk), patches.channels,
                                   transformed + b * kTransformedBlock, kTransformedPoint);
  return {transformed, kTransformedPoint, kTransformedBlock};
}

template <class Form, int kPass, int kB>
void blocks_of_pass(const Patches& patches, const Memory& memory, int block, const float* values, float* transformed,
                    float* products, float* sums) {
  const Conv2d& op = patches.op;
  const Weights weights = weights_of_pass<Form, kPass, kB>(patches, memory, block, transformed);
  multiply<kB>(patches, Form::kForm, kPass, values, weights, products);
  if (patches.c + patches.channels < op.x.c) return;
  const int first = block * kConv2dBlock, channels = std::min(kB * kConv2dBlock, op.y.c - first);
  float bias[kB * kConv2dBlock] = {};
  std::memcpy(bias, weights_data<float>(memory, op.bias) + first, channels * sizeof(float));
  transform_back<Form, kPass, kB>(patches, memory, products, bias, first, channels, sums);
}

template <class Form, int kPass>
void pass(Patches& patches, const Memory& memory, int first, int last, Scratch& scratch) {
  const Conv2d& op = patches.op;
  const WinogradTiling& tiling = patches.tiling;
  constexpr int kPoints = Form::kForm.pass_points();
  const std::size_t of_block = static_cast<std::size_t>(patches.count) * kConv2dBlock;
  float* sums = scratch.room + WinogradTiling::values_floats(kPoints, patches.count, tiling.chunk);
  float* products = sums + (last - first) * of_block * kOut * kOut;
  for (patches.c = 0; patches.c < op.x.c; patches.c += patches.channels) {
    patches.channels = std::min(tiling.chunk, op.x.c - patches.c);
    patches.point = static_cast<std::size_t>(patches.count) * patches.channels + kWinogradPadding;
    transform_patches<Form, kPass>(patches, memory, scratch.room);
    for (int block = first, width; block < last; block += width) {
      width = std::min(kBlocks, last - block);
      const std::size_t before = (block - first) * of_block;
      float* of_products = tiling.one_chunk(op) ? scratch.products : products + before * kPoints;
      float* of_sums = sums + before * kOut * kOut;
      if (width == kBlocks)
        blocks_of_pass<Form, kPass, kBlocks>(patches, memory, block, scratch.room, scratch.weights, of_products,
                                             of_sums);
      else
        blocks_of_pass<Form, kPass, 1>(patches, memory, block, scratch.room, scratch.weights, of_products, of_sums);
    }
  }
}

template <class Form>
void tiles_of_form(const Conv2d& op, const Memory& memory, int threads, int first, int last) {
  const WinogradTiling tiling(op, threads);
  Scratch& scratch = *reinterpret_cast<Scratch*>(memory.scratch);
  for (int tile = first; tile < last; ++tile) {
    const int run = tile % tiling.runs, image = tile / tiling.runs % op.y.n, range = tile / tiling.runs / op.y.n;
    Patches patches{op, tiling, image, run * tiling.patches_of_tile, 0, 0, 0, 0};
    patches.count = std::min(tiling.patches_of_tile, tiling.patches - patches.first);
    const int block = range * tiling.blocks_of_tile, end = std::min(block + tiling.blocks_of_tile, tiling.blocks.count);
    pass<Form, 0>(patches, memory, block, end, scratch);
    pass<Form, 1>(patches, memory, block, end, scratch);
    pass<Form, 2>(patches, memory, block, end, scratch);
  }
}

void winograd_tiles(const Conv2d& op, const Memory& memory, int threads, int first, int last) {
  op.stride.h == Stride1::kStride ? tiles_of_form<Stride1>(op, memory, threads, first, last)
                                  : tiles_of_form<Stride2>(op, memory, threads, first, last);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace cudet
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cudet {

HWY_EXPORT(winograd_tiles);

int conv2d_cpu_winograd_tiles(const Conv2d& op, int threads) {
  const WinogradTiling tiling(op, threads);
  return op.y.n * tiling.runs * tiling.block_ranges;
}

void conv2d_cpu_winograd(const Conv2d& op, const Memory& memory, int threads, int first, int last) {
  HWY_DYNAMIC_DISPATCH(winograd_tiles)(op, memory, threads, first, last);
}

}  // namespace cudet
#endif
