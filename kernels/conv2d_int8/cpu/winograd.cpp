// The Winograd kernel of the 8-bit convolution, F(4×4, 3×3) (conv2d/cpu/winograd_plan.h): transformed patches of the
// input, exact in 16 bits, times transformed weights of 16 bits, summed in 32. Compiled once per instruction set
// (Highway); the best one is picked at run time.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "kernels/conv2d_int8/cpu/kernels.h"
#include "kernels/conv2d_int8/cpu/winograd_packing.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/conv2d_int8/cpu/winograd.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/conv2d/cpu/winograd_patches-inl.h"
#include "kernels/conv2d/cpu/winograd_transforms-inl.h"
#include "kernels/conv2d_int8/cpu/register_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace cudet {
namespace HWY_NAMESPACE {
namespace {

constexpr int kIn = kInt8WinogradIn, kPoints = kInt8WinogradPoints;
constexpr std::size_t kPointPadding = 32;  // values between points, which would otherwise share sets of the cache

constexpr hn::CappedTag<std::int16_t, 16> kValues;  // C is whole vectors
using Values = hn::Vec<decltype(kValues)>;
constexpr int kValueLanes = static_cast<int>(hn::MaxLanes(kValues));

// A tile's memory: all input channels of its patches, and the output channels of kBlocks blocks.
struct Scratch {
  alignas(64) std::int16_t values[Int8WinogradPlan::kMaxValues + kPoints * kPointPadding];
  alignas(64) std::int32_t products[kPoints * Int8WinogradPlan::kMaxPatches * kBlocks * kConv2dBlock];
};
static_assert(sizeof(Scratch) <= kCpuScratch, "it fits Memory::scratch");
static_assert(kPoints * Int8WinogradPlan::kMaxChannels <= Int8WinogradPlan::kMaxValues, "a patch always fits");

// Bᵀ d, in place, with the points in the order of Stride1. Intermediate values may overflow 16 bits. They wrap around;
// the results are still correct, because they fit 16 bits.
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

// A tile's patches.
struct Patches {
  const Conv2dInt8& op;
  const Int8WinogradPlan& plan;
  PatchRun run;
  std::size_t point;  // values from one point to the next: count · C and padding
};

// Transforms channels [c, c + kValueLanes) of one patch: Bᵀ d B.
template <bool kInside>
HWY_INLINE void transform_channels(const PatchInput<std::uint8_t>& patch, Values zero, int c, std::int16_t* values,
                                   std::size_t point) {
  constexpr hn::Rebind<std::uint8_t, decltype(kValues)> bytes;
  Values half[kIn][kIn];  // Bᵀ d, by column
  HWY_UNROLL(6)
  for (int j = 0; j < kIn; ++j) {
    HWY_UNROLL(6)
    for (int i = 0; i < kIn; ++i)
      half[j][i] = kInside || patch.contains(i, j)
                       ? hn::Sub(hn::PromoteTo(kValues, hn::LoadU(bytes, patch.pixel(i, j) + c)), zero)
                       : hn::Zero(kValues);
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

struct TransformChannels {
  Values zero;
  std::int16_t* values;
  std::size_t channels, point;

  template <class Inside>
  HWY_INLINE void operator()(Inside, const PatchInput<std::uint8_t>& patch, int t, int c) const {
    transform_channels<Inside::value>(patch, zero, c, values + t * channels, point);
  }
};

// Transforms all patches: Bᵀ d B. Values are point, patch, C.
void transform_patches(const Patches& patches, const Memory& memory, std::int16_t* values) {
  const Tensor& x = patches.op.conv.x;
  const Values zero = hn::Set(kValues, static_cast<std::int16_t>(patches.op.x.zero));
  const std::uint8_t* image = arena_data<std::uint8_t>(memory, x) + x.pixel(patches.run.image, 0, 0);
  const std::size_t channels = x.c;
  for_each_input<kIn, 1, kValueLanes>(patches.run, patches.op.conv, image, x.c,
                                      TransformChannels{zero, values, channels, patches.point});
}

struct Product {
  using Value = std::int16_t;
  using Weight = std::int32_t;  // a pair
  using Sum = std::int32_t;
  static constexpr auto kSums = kInts;
  template <int kM, int kB>
  static HWY_INLINE void accumulate(const std::int16_t* const (&x)[kM], const std::int32_t* weight,
                                    std::size_t block_pairs, int channels, Ints (&sums)[kM][kB * kVectors]) {
    accumulate_pairs<kM, kB>(x, weight, block_pairs, channels / 2, sums);
  }
};

// Multiplies all patches by kB blocks. Products are point, patch, channel of the blocks.
template <int kB>
void multiply(const Patches& patches, const std::int16_t* values, const std::int32_t* weight, std::int32_t* products) {
  const int channels = patches.op.conv.x.c, count = patches.run.count;
  for (int p = 0; p < kPoints; ++p) {
    multiply_point<Product, kB>(values, count, channels, weight, patches.plan.block_pairs, false, products);
    values += patches.point;
    weight += static_cast<std::size_t>(channels) / 2 * kConv2dBlock;
    products += static_cast<std::size_t>(count) * kB * kConv2dBlock;
  }
}

// One patch and kLanes channels of the output.
struct PatchEnd {
  const Conv2d& conv;
  const Epilogue& end;
  const std::int32_t* products;  // of the first point
  std::size_t point;             // products from one point to the next
  const float* multiplier;       // of the first point
  Floats bias;
  Extent extent;                 // output pixels that exist
  int channels;                  // that exist
  const std::uint8_t* residual;  // of the patch's first pixel, as y
  std::byte* y;
};

enum class Finish : unsigned char { usual, usual_added, any };  // whole patches and vectors (Epilogue::usual), or not

// Computes Aᵀ m A and applies the epilogue.
template <Finish kFinish>
HWY_INLINE void finish_patch(const PatchEnd& patch) {
  const Conv2d& conv = patch.conv;
  Floats half[kIn][kOut];  // Aᵀ m, by column
  HWY_UNROLL(6)
  for (int j = 0; j < kIn; ++j) {
    Floats m[kIn];
    HWY_UNROLL(6)
    for (int i = 0; i < kIn; ++i)
      m[i] = hn::Mul(hn::ConvertTo(kFloats, hn::Load(kInts, patch.products + (i * kIn + j) * patch.point)),
                     hn::LoadU(kFloats, patch.multiplier + (i * kIn + j) * kConv2dBlock));
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
      const Floats value = hn::Add(sums[j], patch.bias);
      std::byte* to = patch.y + pixel * conv.y.pitch * size;
      if constexpr (kFinish == Finish::usual)
        store_usual<false>(patch.end, value, nullptr, to);
      else if constexpr (kFinish == Finish::usual_added)
        store_usual<true>(patch.end, value, patch.residual + pixel * conv.residual.pitch, to);
      else if (i < patch.extent.h && j < patch.extent.w)
        store_vector(patch.end, value, conv.add ? patch.residual + pixel * conv.residual.pitch : nullptr, to,
                     patch.channels);
    }
  }
}

// Computes the outputs of all patches. `multiplier` is block, point, kConv2dBlock.
template <int kB>
void transform_back(const Patches& patches, const Memory& memory, const std::int32_t* products, const float* multiplier,
                    const BlockChannels& k) {
  const Conv2d& conv = patches.op.conv;
  const Epilogue end(patches.op);
  const PaddedBias<kB> bias(memory, conv.bias, k.first, k.count);
  const int i = patches.run.image;
  const std::size_t size = size_of(conv.y.type);
  std::byte* image = memory.arena + conv.y.offset + (conv.y.pixel(i, 0, 0) + k.first) * size;
  const std::uint8_t* residual =
      conv.add ? arena_data<std::uint8_t>(memory, conv.residual) + conv.residual.pixel(i, 0, 0) + k.first : nullptr;
  const std::size_t point = static_cast<std::size_t>(patches.run.count) * kB * kConv2dBlock;
  for (int t = 0; t < patches.run.count; ++t, products += kB * kConv2dBlock) {
    const PatchOutput output(patches.run, t, conv.y);
    for (int n = 0; n < k.count; n += kLanes) {
      const PatchEnd patch{conv,
                           end,
                           products + n,
                           point,
                           multiplier + n / kConv2dBlock * kPoints * kConv2dBlock + n % kConv2dBlock,
                           hn::LoadU(kFloats, bias.values + n),
                           output.extent,
                           std::min(k.count - n, kLanes),
                           conv.add ? residual + output.pixel * conv.residual.pitch + n : nullptr,
                           image + (output.pixel * conv.y.pitch + n) * size};
      if (!end.usual() || !output.whole() || patch.channels != kLanes)
        finish_patch<Finish::any>(patch);
      else if (conv.add)
        finish_patch<Finish::usual_added>(patch);
      else
        finish_patch<Finish::usual>(patch);
    }
  }
}

void winograd_tiles(const Conv2dInt8& op, const Int8WinogradPlan& plan, const Memory& memory, int first, int last) {
  const Conv2d& conv = op.conv;
  Scratch& scratch = *reinterpret_cast<Scratch*>(memory.scratch);
  const float* multipliers = weights_data<float>(memory, conv.weight);
  const auto* weights = reinterpret_cast<const std::int32_t*>(
      multipliers + static_cast<std::size_t>(plan.blocks.count) * kPoints * kConv2dBlock);
  for (int tile = first, transformed = -1; tile < last; ++tile) {
    // Ranges of the same patches are neighbouring tiles, so that they can share one transform.
    const int range = tile % plan.ranges.count, patches_index = tile / plan.ranges.count;
    const int patch = patches_index % plan.runs * plan.patches_per_tile;
    const int count = std::min(plan.patches_per_tile, plan.patches - patch);
    const Patches patches{op,
                          plan,
                          {patches_index / plan.runs, patch, count, plan.patches_per_row},
                          static_cast<std::size_t>(count) * conv.x.c + kPointPadding};
    if (transformed != patches_index) transform_patches(patches, memory, scratch.values);
    transformed = patches_index;
    for_each_block(plan.blocks, plan.ranges, range, [&](auto width, int block) HWY_ATTR {
      constexpr int kB = decltype(width)::value;
      multiply<kB>(patches, scratch.values, weights + block * plan.block_pairs, scratch.products);
      transform_back<kB>(patches, memory, scratch.products,
                         multipliers + static_cast<std::size_t>(block) * kPoints * kConv2dBlock,
                         BlockChannels(conv, plan.blocks, block, kB));
    });
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace cudet
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cudet {

HWY_EXPORT(winograd_tiles);

namespace {

bool supports(const Conv2d& conv) {
  constexpr Extent kOne{1, 1}, kThree{3, 3};
  return conv.kernel == kThree && conv.stride == kOne && conv.dilation == kOne && conv.groups == 1 &&
         conv.x.c % 16 == 0 && conv.x.c <= Int8WinogradPlan::kMaxChannels;
}

Conv2dInt8CpuPlan plan(const Conv2dInt8& op) {
  constexpr int kTiles = 8, kMinPatches = 12, kMinBlocks = 4;
  const Conv2d& conv = op.conv;
  Int8WinogradPlan plan{};
  plan.blocks = Conv2dBlocks(conv);
  plan.patches_per_row = ceil_div(conv.y.w, kWinogradOut);
  plan.patches = plan.patches_per_row * ceil_div(conv.y.h, kWinogradOut);
  plan.block_pairs = int8_winograd_block_pairs(conv);

  const int limit =
      std::clamp(Int8WinogradPlan::kMaxValues / (kInt8WinogradPoints * conv.x.c), 1, Int8WinogradPlan::kMaxPatches);
  int runs = ceil_div(plan.patches, limit);
  if (runs * conv.y.n < kTiles)
    runs = std::max(runs, std::min(ceil_div(plan.patches, kMinPatches), ceil_div(kTiles, conv.y.n)));
  plan.patches_per_tile = ceil_div(plan.patches, runs);
  plan.runs = ceil_div(plan.patches, plan.patches_per_tile);
  // No more ranges than needed, because every thread that computes a range transforms the input again.
  const int ranges = std::clamp(ceil_div(kTiles, plan.runs * conv.y.n), 1, ceil_div(plan.blocks.count, kMinBlocks));
  plan.ranges = BlockRanges(plan.blocks.count, ceil_div(plan.blocks.count, ranges));

  return {&conv2d_int8_cpu_winograd, conv.y.n * plan.runs * plan.ranges.count, plan};
}

void run(const Conv2dInt8& op, const Conv2dInt8CpuPlan& plan, const Memory& memory, int first, int last) {
  HWY_DYNAMIC_DISPATCH(winograd_tiles)(op, std::get<Int8WinogradPlan>(plan.division), memory, first, last);
}

}  // namespace

const Conv2dInt8CpuKernel conv2d_int8_cpu_winograd = {
    "winograd", supports, int8_winograd_packed_bytes, int8_winograd_pack, plan, run,
};

}  // namespace cudet
#endif
