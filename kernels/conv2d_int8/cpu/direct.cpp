// The direct kernel of the 8-bit convolution: an implicit GEMM on 16-bit integers. A tile's part of the input is
// widened to 16 bits, then multiplied by blocks of output channels. Compiled once per instruction set (Highway); the
// best one is picked at run time.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/conv2d_int8/cpu/kernels.h"
#include "kernels/conv2d_int8/cpu/packing.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/conv2d_int8/cpu/direct.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/conv2d_int8/cpu/register_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace cudet {
namespace HWY_NAMESPACE {
namespace {

// The part of the input that a tile reads, widened to 16 bits: rows, columns, C.
struct Patch {
  static constexpr int kSlack = 2;  // values after the last one: an odd run's last pair reads one, with weight zero

  alignas(64) std::int16_t values[Int8DirectPlan::kPatchValues + kSlack];
};
static_assert(sizeof(Patch) <= kCpuScratch, "it fits Memory::scratch");

// `to` = from − zero.
HWY_INLINE void widen(const std::uint8_t* from, std::size_t count, int zero, std::int16_t* to) {
  constexpr hn::CappedTag<std::int16_t, 16> d;
  constexpr hn::Rebind<std::uint8_t, decltype(d)> bytes;
  const auto zeros = hn::Set(d, static_cast<std::int16_t>(zero));
  std::size_t i = 0;
  for (; i + hn::Lanes(d) <= count; i += hn::Lanes(d))
    hn::StoreU(hn::Sub(hn::PromoteTo(d, hn::LoadU(bytes, from + i)), zeros), d, to + i);
  for (; i < count; ++i) to[i] = static_cast<std::int16_t>(from[i] - zero);
}

// Fills the patch with `extent` pixels of image i from (top, left) on, zero outside of the image.
void fill_patch(const Conv2dInt8& op, const Memory& memory, int i, int top, int left, Extent extent, Patch& patch) {
  const Tensor& x = op.conv.x;
  const std::size_t row_values = static_cast<std::size_t>(extent.w) * x.c;
  const int first = std::clamp(-left, 0, extent.w), last = std::clamp(x.w - left, first, extent.w);
  std::int16_t* to = patch.values;
  for (int row = top; row < top + extent.h; ++row, to += row_values) {
    if (row < 0 || row >= x.h || first == last) {
      std::memset(to, 0, row_values * sizeof *to);
      continue;
    }
    std::memset(to, 0, sizeof *to * first * x.c);
    std::memset(to + static_cast<std::size_t>(last) * x.c, 0, sizeof *to * (extent.w - last) * x.c);
    const std::uint8_t* from = arena_data<std::uint8_t>(memory, x) + x.pixel(i, row, left + first);
    if (x.pitch == x.c) {
      widen(from, static_cast<std::size_t>(last - first) * x.c, op.x.zero, to + static_cast<std::size_t>(first) * x.c);
    } else {
      for (int u = first; u < last; ++u, from += x.pitch)
        widen(from, static_cast<std::size_t>(x.c), op.x.zero, to + static_cast<std::size_t>(u) * x.c);
    }
  }
  std::memset(to, 0, sizeof *to * Patch::kSlack);
}

// The values that all register tiles of one tile and one block, or kBlocks neighbouring blocks, have in common.
struct Job {
  const Conv2d& conv;
  const Epilogue& end;
  const Int8Runs& runs;
  int patch_width;  // pixels
  const std::int32_t* weight;
  const float *multiplier, *bias;  // kBlocks · kConv2dBlock
  int channels;                    // output channels of these blocks that exist
  bool usual;                      // whole blocks, no residual (Epilogue::usual)
};

// Addresses of the data of the first output pixel in one row of a tile, for the job's blocks.
struct Row {
  const std::int16_t* x;         // the group's first channel of the first tap in the patch
  std::byte* y;                  // the first channel of the blocks
  const std::uint8_t* residual;  // as y; null if there is none
};

// Computes kM output pixels of a row from column u of the tile on.
template <int kM, int kB>
HWY_INLINE void register_tile(const Job& job, const Row& row, int u) {
  const Conv2d& conv = job.conv;
  Ints sums[kM][kB * kVectors];
  HWY_UNROLL(16)
  for (int m = 0; m < kM; ++m) {
    HWY_UNROLL(16)
    for (int n = 0; n < kB * kVectors; ++n) sums[m][n] = hn::Zero(kInts);
  }
  const std::ptrdiff_t pixel = conv.x.c, next = conv.stride.w * pixel;
  const std::int16_t* corner = row.x + u * next;
  const std::int32_t* weight = job.weight;
  for (int r = 0; r < conv.kernel.h; ++r)
    for (int s = 0; s < job.runs.per_row; ++s, weight += static_cast<std::size_t>(job.runs.pairs) * kConv2dBlock) {
      const std::int16_t* tap = corner + (r * conv.dilation.h * job.patch_width + s * conv.dilation.w) * pixel;
      const std::int16_t* x[kM];
      for (int m = 0; m < kM; ++m) x[m] = tap + m * next;
      accumulate_pairs<kM, kB>(x, weight, job.runs.block_pairs, job.runs.pairs, sums);
    }

  const auto value = [&](int m, int n) HWY_ATTR {
    return hn::MulAdd(hn::ConvertTo(kFloats, sums[m][n]), hn::LoadU(kFloats, job.multiplier + n * kLanes),
                      hn::LoadU(kFloats, job.bias + n * kLanes));
  };
  const std::size_t size = size_of(conv.y.type);
  std::byte* y = row.y + static_cast<std::size_t>(u) * conv.y.pitch * size;
  if (job.usual) {
    HWY_UNROLL(16)
    for (int m = 0; m < kM; ++m, y += conv.y.pitch) {
      HWY_UNROLL(16)
      for (int n = 0; n < kB * kVectors; ++n) store_usual<false>(job.end, value(m, n), nullptr, y + n * kLanes);
    }
    return;
  }
  const std::uint8_t* residual =
      job.end.add ? row.residual + static_cast<std::size_t>(u) * conv.residual.pitch : nullptr;
  for (int m = 0; m < kM; ++m) {
    for (int n = 0; n < kB * kVectors && n * kLanes < job.channels; ++n) {
      const int k = n * kLanes;
      store_vector(job.end, value(m, n), job.end.add ? residual + k : nullptr, y + k * size, job.channels - k);
    }
    y += conv.y.pitch * size;
    if (job.end.add) residual += conv.residual.pitch;
  }
}

void direct_tile(const Conv2dInt8& op, const Int8DirectPlan& plan, const Memory& memory, int tile, Patch& patch) {
  const Conv2d& conv = op.conv;
  const int column = tile % plan.tiles.w, row = tile / plan.tiles.w % plan.tiles.h;
  const int i = tile / plan.tiles.w / plan.tiles.h % conv.y.n, range = tile / plan.tiles.w / plan.tiles.h / conv.y.n;
  const int top = row * plan.pixels.h, left = column * plan.pixels.w;
  const Extent pixels{std::min(plan.pixels.h, conv.y.h - top), std::min(plan.pixels.w, conv.y.w - left)};
  const Extent extent = Int8DirectPlan::patch(conv, pixels);
  fill_patch(op, memory, i, top * conv.stride.h - conv.pad.h, left * conv.stride.w - conv.pad.w, extent, patch);

  const Epilogue epilogue(op);
  const float* multipliers = weights_data<float>(memory, conv.weight);
  const auto* weights =
      reinterpret_cast<const std::int32_t*>(multipliers + static_cast<std::size_t>(plan.blocks.count) * kConv2dBlock);
  for_each_block(plan.blocks, plan.ranges, range, [&](auto width, int block) HWY_ATTR {
    constexpr int kB = decltype(width)::value;
    const BlockChannels k(conv, plan.blocks, block, kB);
    const PaddedBias<kB> bias(memory, conv.bias, k.first, k.count);
    const Job job{conv,
                  epilogue,
                  plan.runs,
                  extent.w,
                  weights + block * plan.runs.block_pairs,
                  multipliers + static_cast<std::size_t>(block) * kConv2dBlock,
                  bias.values,
                  k.count,
                  epilogue.usual() && !epilogue.add && k.count == kB * kConv2dBlock};
    const std::int16_t* x = patch.values + k.group * (conv.x.c / conv.groups);
    for (int v = 0; v < pixels.h; ++v) {
      const Row line{
          x + static_cast<std::size_t>(v) * conv.stride.h * extent.w * conv.x.c,
          memory.arena + conv.y.offset + (conv.y.pixel(i, top + v, left) + k.first) * size_of(conv.y.type),
          conv.add ? arena_data<std::uint8_t>(memory, conv.residual) + conv.residual.pixel(i, top + v, left) + k.first
                   : nullptr};
      for_each_tile<kPixels>(
          0, pixels.w, [&](auto count, int u) HWY_ATTR { register_tile<decltype(count)::value, kB>(job, line, u); });
    }
  });
}

void direct_tiles(const Conv2dInt8& op, const Int8DirectPlan& plan, const Memory& memory, int first, int last) {
  Conv2dInt8 as_row = op;
  as_row.conv = pointwise_as_row(op.conv);
  Patch& patch = *reinterpret_cast<Patch*>(memory.scratch);
  for (int tile = first; tile < last; ++tile) direct_tile(as_row, plan, memory, tile, patch);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace cudet
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cudet {

HWY_EXPORT(direct_tiles);

namespace {

/// Whether the input of this rectangle of outputs fits a patch.
bool fits(const Conv2d& conv, Extent output) {
  const Extent read = Int8DirectPlan::patch(conv, output);
  return static_cast<double>(read.h) * read.w * conv.x.c <= Int8DirectPlan::kPatchValues;
}

bool supports(const Conv2d& conv) {
  return fits(conv, {1, 1});
}

std::size_t packed_bytes(const Conv2d& conv) {
  const std::size_t blocks = Conv2dBlocks(conv).count;
  return blocks * (kConv2dBlock * sizeof(float) + Int8Runs(conv).block_pairs * sizeof(std::int32_t));
}

void pack(const Conv2d& conv, Quantization x, const float* weight, std::byte* packed) {
  const Conv2dBlocks blocks(conv);
  const Int8Runs runs(conv);
  std::memset(packed, 0, packed_bytes(conv));  // the padding of blocks and pairs
  const std::size_t depth = blocks.depth;
  auto* multipliers = reinterpret_cast<float*>(packed);
  auto* weights = reinterpret_cast<std::int32_t*>(multipliers + static_cast<std::size_t>(blocks.count) * kConv2dBlock);
  const int k_per_group = conv.y.c / conv.groups, rows = conv.kernel.h * runs.per_row;
  for (int k = 0; k < conv.y.c; ++k) {
    const int in_group = k % k_per_group, lane = in_group % kConv2dBlock;
    const int block = k / k_per_group * blocks.per_group + in_group / kConv2dBlock;
    const QuantizedChannel channel(weight + k * depth, depth);
    multipliers[block * kConv2dBlock + lane] = channel.scale * x.scale;
    std::int32_t* to = weights + block * runs.block_pairs + lane;
    const std::int8_t* w = channel.w.data();
    for (int row = 0; row < rows; ++row)
      for (int left = runs.values; left > 0; left -= 2, to += kConv2dBlock) {
        *to = weight_pair(w[0], left > 1 ? w[1] : 0);
        w += left > 1 ? 2 : 1;
      }
  }
}

/// Output pixels of a tile: about `limit`, whose input fits a patch.
Extent tile_pixels(const Conv2d& conv, int limit) {
  constexpr int kWhole = 6, kStep = 24;  // pixels: register tiles of AVX2, of every instruction set
  Extent pixels{1, std::min(conv.y.w, ceil_div(limit, kStep) * kStep)};
  while (pixels.w > 1 && !fits(conv, pixels)) pixels.w = pixels.w > 2 * kStep ? pixels.w - kStep : pixels.w / 2;
  pixels.w = ceil_div(conv.y.w, ceil_div(conv.y.w, pixels.w));
  if (pixels.w < conv.y.w) pixels.w = std::min(conv.y.w, ceil_div(pixels.w, kWhole) * kWhole);
  while (pixels.w > 1 && !fits(conv, pixels)) --pixels.w;
  while (pixels.w == conv.y.w && pixels.h < conv.y.h && (pixels.h + 1) * pixels.w <= limit &&
         fits(conv, {pixels.h + 1, pixels.w}))
    ++pixels.h;
  return pixels;
}

Conv2dInt8CpuPlan plan(const Conv2dInt8& op) {
  constexpr std::size_t kWeightBytes = 160 << 10;  // of a tile: they stay in the second-level cache
  constexpr double kMinPixels = 24;
  constexpr double kWork = 6e6;     // multiply-adds of a tile: about 80 µs
  constexpr double kEpilogue = 60;  // multiply-adds that take as long as an output's SiLU and store
  constexpr double kTiles = 16;     // minimum for small layers, so that all threads end at about the same time
  const Conv2d conv = pointwise_as_row(op.conv);
  const Conv2dBlocks blocks(conv);
  const Int8Runs runs(conv);
  const std::size_t cached = std::max<std::size_t>(kWeightBytes / (runs.block_pairs * sizeof(std::int32_t)), 1);
  const BlockRanges ranges(blocks.count, static_cast<int>(std::min<std::size_t>(cached, blocks.count)));

  const double work_per_pixel = (blocks.depth + kEpilogue) * kConv2dBlock * ranges.blocks;
  const double image = static_cast<double>(conv.y.h) * conv.y.w;
  const double limit = std::min(kWork / work_per_pixel, image * ranges.count * conv.y.n / kTiles);
  const Extent pixels = tile_pixels(conv, static_cast<int>(std::clamp(limit, kMinPixels, 1e6)));
  const Extent tiles{ceil_div(conv.y.h, pixels.h), ceil_div(conv.y.w, pixels.w)};

  return {&conv2d_int8_cpu_direct, ranges.count * conv.y.n * tiles.h * tiles.w,
          Int8DirectPlan{blocks, runs, ranges, pixels, tiles}};
}

void run(const Conv2dInt8& op, const Conv2dInt8CpuPlan& plan, const Memory& memory, int first, int last) {
  HWY_DYNAMIC_DISPATCH(direct_tiles)(op, std::get<Int8DirectPlan>(plan.division), memory, first, last);
}

}  // namespace

const Conv2dInt8CpuKernel conv2d_int8_cpu_direct = {"direct", supports, packed_bytes, pack, plan, run};

}  // namespace cudet
#endif
