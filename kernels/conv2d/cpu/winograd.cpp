// The Winograd kernel (winograd_plan.h): transformed patches of the input times transformed weights, point by point.
// Compiled once per instruction set (Highway); the best one is picked at run time.
#include <algorithm>
#include <cstddef>

#include "kernels/conv2d/cpu/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/conv2d/cpu/winograd.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/conv2d/cpu/winograd_patches-inl.h"
#include "kernels/conv2d/cpu/winograd_transforms-inl.h"

HWY_BEFORE_NAMESPACE();
namespace cudet {
namespace HWY_NAMESPACE {
namespace {

static_assert(kWinogradChannels % kLanes == 0 && kWinogradChunk % kWinogradChannels == 0, "channels are whole vectors");

// Weights that a tile transforms for one pass and chunk: weight, padding after each, channel, kConv2dBlock.
constexpr int kTransformedPoint = kWinogradChunk * kConv2dBlock + kWinogradPadding;
constexpr int kTransformedBlock = kWinogradWeightRows * kWinogradSide * kTransformedPoint;

// A tile's memory.
struct Scratch {
  alignas(64) float room[kWinogradRoom];                                   // winograd_values
  alignas(64) float products[kWinogradProducts * kBlocks * kConv2dBlock];  // of the current blocks, if one chunk
  alignas(64) float weights[kBlocks * kTransformedBlock];                  // of the current blocks
};
static_assert(sizeof(Scratch) <= kCpuScratch, "it fits Memory::scratch");

// A tile's patches, and the chunk of input channels that is transformed.
struct Patches {
  const Conv2d& op;
  const Conv2dWinogradPlan& plan;
  PatchRun run;
  int c = 0, channels = 0;  // the chunk's first channel, and how many
  std::size_t point = 0;    // floats from one point's values to the next: count · channels and padding
};

// Transforms channels [c, c + kLanes) of one patch: a pass's points of Bᵀ d B.
template <class Variant, int kPass, bool kInside>
HWY_INLINE void transform_channels(const PatchInput<float>& patch, int c, float* values, std::size_t point) {
  constexpr int kIn = Variant::kIn, kRows = Variant::kRows;
  Floats half[kRows][kIn];  // Bᵀ d
  HWY_UNROLL(9)
  for (int j = 0; j < kIn; ++j) {
    Floats d[kIn], rows[kRows];
    HWY_UNROLL(9)
    for (int i = 0; i < kIn; ++i) {
      if (!Variant::reads(kPass, i)) continue;
      d[i] = kInside || patch.contains(i, j) ? hn::LoadU(kFloats, patch.pixel(i, j) + c) : hn::Zero(kFloats);
    }
    Variant::template points<kPass>(d, rows);
    HWY_UNROLL(4)
    for (int i = 0; i < kRows; ++i) half[i][j] = rows[i];
  }
  HWY_UNROLL(4)
  for (int i = 0; i < kRows; ++i) {
    Floats row[kIn];
    Variant::all_points(half[i], row);
    HWY_UNROLL(9)
    for (int j = 0; j < kIn; ++j) hn::StoreU(row[j], kFloats, values + (i * kIn + j) * point + c);
  }
}

template <class Variant, int kPass>
struct TransformChannels {
  float* values;
  std::size_t channels, point;

  template <class Inside>
  HWY_INLINE void operator()(Inside, const PatchInput<float>& patch, int t, int c) const {
    transform_channels<Variant, kPass, Inside::value>(patch, c, values + t * channels, point);
  }
};

// Transforms the chunk of each patch: a pass's points of Bᵀ d B. Values are point, patch, channel.
template <class Variant, int kPass>
void transform_patches(const Patches& patches, const Memory& memory, float* values) {
  const Tensor& x = patches.op.x;
  const float* image = arena_data<float>(memory, x) + x.pixel(patches.run.image, 0, 0) + patches.c;
  const std::size_t channels = patches.channels;
  for_each_input<Variant::kIn, Variant::kStride, kLanes>(
      patches.run, patches.op, image, patches.channels,
      TransformChannels<Variant, kPass>{values, channels, patches.point});
}

// A pass's weights for a chunk, per block: weight, channel, kConv2dBlock.
struct Weights {
  const float* first;
  std::size_t point, block;  // floats from one to the next
};

struct Product {
  using Value = float;
  using Weight = float;
  using Sum = float;
  static constexpr auto kSums = kFloats;
  template <int kM, int kB>
  static HWY_INLINE void accumulate(const float* const (&x)[kM], const float* weight, std::size_t block, int channels,
                                    Floats (&sums)[kM][kB * kVectors]) {
    HWY_NAMESPACE::accumulate<kM, kB, true>(x, weight, block, channels, sums, kM * channels);
  }
};

// Multiplies the chunk of all patches by kB blocks, at a pass's points. Products are point, patch, channel of the
// blocks.
template <int kB>
void multiply(const Patches& patches, const WinogradVariant& variant, int pass, const float* values,
              const Weights& weights, float* products) {
  const int count = patches.run.count;
  for (int p = 0; p < variant.points_per_pass(); ++p, values += patches.point) {
    const float* weight = weights.first + variant.weight(pass, p) * weights.point;
    multiply_point<Product, kB>(values, count, patches.channels, weight, weights.block, patches.c > 0, products);
    products += static_cast<std::size_t>(count) * kB * kConv2dBlock;
  }
}

// Adds a pass's part of Aᵀ m A, for one patch and kLanes channels, to `sums`: kOut · kOut vectors. The last pass
// returns the sums in `y`.
template <class Variant, int kPass>
HWY_INLINE void add_pass(const float* products, std::size_t point, float* sums, Floats (&y)[kOut][kOut]) {
  constexpr int kIn = Variant::kIn, kRows = Variant::kRows;
  Floats half[kRows][kOut];  // m A
  HWY_UNROLL(4)
  for (int i = 0; i < kRows; ++i) {
    Floats m[kIn];
    HWY_UNROLL(9)
    for (int j = 0; j < kIn; ++j) m[j] = hn::Load(kFloats, products + (i * kIn + j) * point);
    Variant::outputs(m, half[i]);
  }
  HWY_UNROLL(4)
  for (int j = 0; j < kOut; ++j) {
    Floats m[kRows], column[kOut];
    HWY_UNROLL(4)
    for (int i = 0; i < kRows; ++i) m[i] = half[i][j];
    Variant::template add<kPass>(m, sums + j * kLanes, column);
    if constexpr (kPass == kLast) {
      HWY_UNROLL(4)
      for (int i = 0; i < kOut; ++i) y[i][j] = column[i];
    }
  }
}

// Applies the epilogue to one patch and kLanes channels. `y` and `residual` are at the patch's first pixel.
template <bool kWhole>
HWY_INLINE void store_patch(const Conv2d& op, const Floats (&sums)[kOut][kOut], Floats bias, Extent extent,
                            int channels, const float* residual, float* y) {
  HWY_UNROLL(4)
  for (int i = 0; i < kOut; ++i) {
    Floats row[kOut];
    HWY_UNROLL(4)
    for (int j = 0; j < kOut; ++j) row[j] = hn::Add(sums[i][j], bias);
    activate(op, row);  // the whole row before any store, so that chains of about 15 instructions overlap
    HWY_UNROLL(4)
    for (int j = 0; j < kOut; ++j) {
      if (!kWhole && (i >= extent.h || j >= extent.w)) continue;
      const std::ptrdiff_t pixel = static_cast<std::ptrdiff_t>(i) * op.y.w + j;
      store_pixel<1>(op, &row[j], op.add ? residual + pixel * op.residual.pitch : nullptr, y + pixel * op.y.pitch,
                     kWhole ? kLanes : channels);
    }
  }
}

// Adds a pass's products of kB blocks to the sums; the last pass computes the outputs from them.
template <class Variant, int kPass, int kB>
void transform_back(const Patches& patches, const Memory& memory, const float* products, const BlockChannels& k,
                    float* sums) {
  const Conv2d& op = patches.op;
  const PaddedBias<kB> bias(memory, op.bias, k.first, k.count);
  float* image = arena_data<float>(memory, op.y) + op.y.pixel(patches.run.image, 0, 0) + k.first;
  const float* residual =
      op.add ? arena_data<float>(memory, op.residual) + op.residual.pixel(patches.run.image, 0, 0) + k.first : nullptr;
  const std::size_t point = static_cast<std::size_t>(patches.run.count) * kB * kConv2dBlock;
  for (int t = 0; t < patches.run.count; ++t) {
    const PatchOutput patch(patches.run, t, op.y);
    for (int n = 0; n < kB * kConv2dBlock; n += kLanes, products += kLanes, sums += kOut * kOut * kLanes) {
      Floats y[kOut][kOut];
      add_pass<Variant, kPass>(products, point, sums, y);
      if (kPass != kLast || n >= k.count) continue;
      const Floats b = hn::LoadU(kFloats, bias.values + n);
      const int channels = std::min(k.count - n, kLanes);
      const float* added = op.add ? residual + patch.pixel * op.residual.pitch + n : nullptr;
      float* to = image + patch.pixel * op.y.pitch + n;
      if (patch.whole() && channels == kLanes)
        store_patch<true>(op, y, b, patch.extent, channels, added, to);
      else
        store_patch<false>(op, y, b, patch.extent, channels, added, to);
    }
  }
}

// The packed weights of a pass, which are transformed into `transformed` if the packed ones are plain taps.
template <class Variant, int kPass, int kB>
HWY_INLINE Weights pass_weights(const Patches& patches, const Memory& memory, int block, float* transformed) {
  const Conv2d& op = patches.op;
  const std::size_t point = static_cast<std::size_t>(op.x.c) * kConv2dBlock;
  const std::size_t chunk = static_cast<std::size_t>(patches.c) * kConv2dBlock;
  const float* packed = weights_data<float>(memory, op.weight);
  if (!winograd_keeps_taps(op)) {
    const int row = Variant::kVariant.weight_row[kPass];
    packed += (static_cast<std::size_t>(block) * kWinogradWeights + row * kWinogradSide) * point;
    return {packed + chunk, point, kWinogradWeights * point};
  }
  for (int b = 0; b < kB; ++b)
    transform_weights<Variant, kPass>(packed + 9 * ((block + b) * point + chunk), patches.channels,
                                      transformed + b * kTransformedBlock, kTransformedPoint);
  return {transformed, kTransformedPoint, kTransformedBlock};
}

// One pass over the patches, for blocks [first, last).
template <class Variant, int kPass>
void run_pass(Patches& patches, const Memory& memory, int first, int last, Scratch& scratch) {
  const Conv2d& op = patches.op;
  const Conv2dWinogradPlan& plan = patches.plan;
  const int count = patches.run.count;
  constexpr int kPoints = Variant::kVariant.points_per_pass();
  const std::size_t outputs = static_cast<std::size_t>(count) * kConv2dBlock;  // per block, in patches
  float* sums = scratch.room + winograd_values(kPoints, count, plan.chunk);
  float* products = sums + (last - first) * outputs * kOut * kOut;
  for (patches.c = 0; patches.c < op.x.c; patches.c += patches.channels) {
    patches.channels = std::min(plan.chunk, op.x.c - patches.c);
    patches.point = static_cast<std::size_t>(count) * patches.channels + kWinogradPadding;
    transform_patches<Variant, kPass>(patches, memory, scratch.room);
    for_each_block(plan.blocks, first, last, [&](auto width, int block) HWY_ATTR {
      constexpr int kB = decltype(width)::value;
      const std::size_t before = (block - first) * outputs;
      float* block_products = plan.one_chunk(op) ? scratch.products : products + before * kPoints;
      const Weights weights = pass_weights<Variant, kPass, kB>(patches, memory, block, scratch.weights);
      multiply<kB>(patches, Variant::kVariant, kPass, scratch.room, weights, block_products);
      if (patches.c + patches.channels == op.x.c)
        transform_back<Variant, kPass, kB>(patches, memory, block_products, BlockChannels(op, plan.blocks, block, kB),
                                           sums + before * kOut * kOut);
    });
  }
}

template <class Variant>
void run_tiles(const Conv2d& op, const Conv2dWinogradPlan& plan, const Memory& memory, int first, int last) {
  Scratch& scratch = *reinterpret_cast<Scratch*>(memory.scratch);
  for (int tile = first; tile < last; ++tile) {
    const int run = tile % plan.runs, image = tile / plan.runs % op.y.n, range = tile / plan.runs / op.y.n;
    const int patch = run * plan.patches_per_tile, count = std::min(plan.patches_per_tile, plan.patches - patch);
    Patches patches{op, plan, {image, patch, count, plan.patches_per_row}};
    const int block = range * plan.ranges.blocks, end = std::min(block + plan.ranges.blocks, plan.blocks.count);
    run_pass<Variant, 0>(patches, memory, block, end, scratch);
    run_pass<Variant, 1>(patches, memory, block, end, scratch);
    run_pass<Variant, 2>(patches, memory, block, end, scratch);
  }
}

void winograd_tiles(const Conv2d& op, const Conv2dWinogradPlan& plan, const Memory& memory, int first, int last) {
  op.stride.h == 1 ? run_tiles<Stride1>(op, plan, memory, first, last)
                   : run_tiles<Stride2>(op, plan, memory, first, last);
}

// Transforms all weights of `count` channels and one block.
template <class Variant>
void transform_taps(const float* taps, std::size_t count, float* to, std::size_t point) {
  constexpr WinogradVariant kVariant = Variant::kVariant;
  const std::size_t row = kWinogradSide * point;
  transform_weights<Variant, 0>(taps, count, to + kVariant.weight_row[0] * row, point);
  transform_weights<Variant, 1>(taps, count, to + kVariant.weight_row[1] * row, point);
  transform_weights<Variant, 2>(taps, count, to + kVariant.weight_row[2] * row, point);
}

void transform_block(int stride, const float* taps, std::size_t count, float* to, std::size_t point) {
  stride == 1 ? transform_taps<Stride1>(taps, count, to, point) : transform_taps<Stride2>(taps, count, to, point);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace cudet
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cudet {

HWY_EXPORT(winograd_tiles);
HWY_EXPORT(transform_block);

namespace {

bool supports(const Conv2d& op) {
  constexpr Extent kOne{1, 1}, kTwo{2, 2}, kThree{3, 3};
  constexpr int kMinChannels2 = 32;  // with stride 2; with fewer, transforms take as much time as the products save
  if (op.kernel != kThree || op.dilation != kOne || op.groups != 1 || op.x.c % kWinogradChannels != 0) return false;
  return op.stride == kOne || (op.stride == kTwo && op.x.c >= kMinChannels2);
}

std::size_t packed_floats(const Conv2d& op) {
  const Conv2dBlocks blocks(op);
  const int weights = winograd_keeps_taps(op) ? 9 : kWinogradWeights;
  return static_cast<std::size_t>(blocks.count) * weights * op.x.c * kConv2dBlock;
}

void pack(const Conv2d& op, const float* weight, float* packed) {
  constexpr std::size_t kChannels = kWinogradChannels;
  const bool keeps_taps = winograd_keeps_taps(op);
  const std::size_t channels = op.x.c, depth = 9 * channels, point = channels * kConv2dBlock;
  for (int k = 0; k < op.y.c; k += kConv2dBlock, packed += (keeps_taps ? 9 : kWinogradWeights) * point)
    for (std::size_t c = 0; c < channels; c += kChannels) {
      float buffer[9 * kChannels * kConv2dBlock];
      float* taps = keeps_taps ? packed + 9 * c * kConv2dBlock : buffer;
      for (std::size_t t = 0; t < 9; ++t)
        pack_block(weight + k * depth + t * channels + c, depth, std::min(kConv2dBlock, op.y.c - k), kChannels,
                   taps + t * kConv2dBlock, 9 * kConv2dBlock);
      if (!keeps_taps)
        HWY_DYNAMIC_DISPATCH(transform_block)(op.stride.h, taps, kChannels, packed + c * kConv2dBlock, point);
    }
}

Conv2dCpuPlan plan(const Conv2d& op, int threads) {
  const Conv2dWinogradPlan division = winograd_plan(op, threads);
  return {&conv2d_cpu_winograd, op.y.n * division.runs * division.ranges.count, division};
}

void run(const Conv2d& op, const Conv2dCpuPlan& plan, const Memory& memory, int first, int last) {
  HWY_DYNAMIC_DISPATCH(winograd_tiles)(op, std::get<Conv2dWinogradPlan>(plan.division), memory, first, last);
}

}  // namespace

const Conv2dCpuKernel conv2d_cpu_winograd = {"winograd", supports, packed_floats, pack, plan, run};

}  // namespace cudet
#endif
