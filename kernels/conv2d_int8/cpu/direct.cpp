// Implicit GEMM on 16-bit integers: a tile's patch of the input, widened, by blocks of output channels. Compiled once
// for each instruction set (Highway), picked at run time.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/conv2d_int8/cpu/tiling.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/conv2d_int8/cpu/direct.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/conv2d_int8/cpu/register_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace cudet {
namespace HWY_NAMESPACE {
namespace {

constexpr int kSlack = 2;  // values behind a patch, which an odd run's last pair reads and multiplies by zero
struct Patch {
  alignas(64) std::int16_t values[Int8Tiling::kPatchValues + kSlack];
};
constexpr std::size_t kScratch = sizeof(Patch);
static_assert(kScratch <= kCpuScratch, "it has room in Memory::scratch");

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

// Rows [top, …) and columns [left, …) of image i, zero beside the picture.
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
  std::memset(to, 0, sizeof *to * kSlack);
}

// One block (or kBlocks neighbours) of a tile: what its register tiles have in common.
struct Job {
  const Conv2d& conv;
  const Epilogue& end;
  Int8Runs runs;
  const std::int16_t* patch;  // the group's first channel of the first pixel
  int patch_width;            // pixels
  const std::int32_t* weight;
  std::size_t block_pairs;
  const float *multiplier, *bias;  // kBlocks · kConv2dBlock
  int channels;                    // of the output, in these blocks
  bool usual;                      // whole blocks, no residual (Epilogue::usual)
};

// kM output pixels of a row from column u of the tile on. `x`: the row's first pixel of the patch; `y`, `residual`: the
// first output pixel.
template <int kM, int kB>
HWY_INLINE void register_tile(const Job& job, const std::int16_t* row, int u, const std::uint8_t* residual,
                              std::byte* y) {
  const Conv2d& conv = job.conv;
  Ints sums[kM][kB * kVectors];
  HWY_UNROLL(16)
  for (int m = 0; m < kM; ++m) {
    HWY_UNROLL(16)
    for (int n = 0; n < kB * kVectors; ++n) sums[m][n] = hn::Zero(kInts);
  }
  const std::ptrdiff_t pixel = conv.x.c, next = conv.stride.w * pixel;
  const std::int16_t* corner = row + u * next;
  const std::int32_t* weight = job.weight;
  for (int r = 0; r < conv.kernel.h; ++r)
    for (int s = 0; s < job.runs.of_row; ++s, weight += static_cast<std::size_t>(job.runs.pairs) * kConv2dBlock) {
      const std::int16_t* tap = corner + (r * conv.dilation.h * job.patch_width + s * conv.dilation.w) * pixel;
      const std::int16_t* x[kM];
      for (int m = 0; m < kM; ++m) x[m] = tap + m * next;
      accumulate_pairs<kM, kB>(x, weight, job.block_pairs, job.runs.pairs, sums);
    }

  const auto value = [&](int m, int n) HWY_ATTR {
    return hn::MulAdd(hn::ConvertTo(kFloats, sums[m][n]), hn::LoadU(kFloats, job.multiplier + n * kLanes),
                      hn::LoadU(kFloats, job.bias + n * kLanes));
  };
  if (job.usual) {
    HWY_UNROLL(16)
    for (int m = 0; m < kM; ++m, y += conv.y.pitch) {
      HWY_UNROLL(16)
      for (int n = 0; n < kB * kVectors; ++n) store_usual<false>(job.end, value(m, n), nullptr, y + n * kLanes);
    }
    return;
  }
  const std::size_t size = size_of(conv.y.type);
  for (int m = 0; m < kM; ++m) {
    for (int n = 0; n < kB * kVectors && n * kLanes < job.channels; ++n) {
      const int k = n * kLanes;
      store_vector(job.end, value(m, n), job.end.add ? residual + k : nullptr, y + k * size, job.channels - k);
    }
    y += conv.y.pitch * size;
    if (job.end.add) residual += conv.residual.pitch;
  }
}

// Output pixels [u, last) of a row: as many register tiles of kM pixels as go, then smaller ones.
template <int kM, int kB>
void run_of_pixels(const Job& job, const std::int16_t* row, int u, int last, const std::uint8_t* residual,
                   std::byte* y) {
  for (; last - u >= kM; u += kM) {
    register_tile<kM, kB>(job, row, u, residual, y);
    y += static_cast<std::size_t>(kM) * job.conv.y.pitch * size_of(job.conv.y.type);
    if (job.end.add) residual += static_cast<std::size_t>(kM) * job.conv.residual.pitch;
  }
  if constexpr (kM > 4)
    run_of_pixels<4, kB>(job, row, u, last, residual, y);
  else if constexpr (kM > 1)
    run_of_pixels<kM / 2, kB>(job, row, u, last, residual, y);
}

void direct_tile(const Conv2dInt8& op, const Memory& memory, const Int8Tiling& tiling, int tile, Patch& patch) {
  const Conv2d& conv = op.conv;
  const int column = tile % tiling.tiles.w, row = tile / tiling.tiles.w % tiling.tiles.h;
  const int i = tile / tiling.tiles.w / tiling.tiles.h % conv.y.n,
            range = tile / tiling.tiles.w / tiling.tiles.h / conv.y.n;
  const int top = row * tiling.pixels.h, left = column * tiling.pixels.w;
  const Extent pixels{std::min(tiling.pixels.h, conv.y.h - top), std::min(tiling.pixels.w, conv.y.w - left)};
  const Extent extent = Int8Tiling::patch(conv, pixels);
  fill_patch(op, memory, i, top * conv.stride.h - conv.pad.h, left * conv.stride.w - conv.pad.w, extent, patch);

  const Epilogue epilogue(op);
  const int k_of_group = conv.y.c / conv.groups;
  const float* multipliers = weights_data<float>(memory, conv.weight);
  const auto* weights =
      reinterpret_cast<const std::int32_t*>(multipliers + static_cast<std::size_t>(tiling.blocks.count) * kConv2dBlock);
  const int end = std::min((range + 1) * tiling.blocks_of_tile, tiling.blocks.count);
  for (int block = range * tiling.blocks_of_tile, width; block < end; block += width) {
    const int group = block / tiling.blocks.of_group, of_group = block % tiling.blocks.of_group;
    width = std::min({kBlocks, end - block, tiling.blocks.of_group - of_group});
    const int k = of_group * kConv2dBlock, output = group * k_of_group + k;
    float bias[kBlocks * kConv2dBlock] = {};
    const int channels = std::min(width * kConv2dBlock, k_of_group - k);
    std::memcpy(bias, weights_data<float>(memory, conv.bias) + output, channels * sizeof(float));
    const Job job{conv,
                  epilogue,
                  tiling.runs,
                  patch.values + group * (conv.x.c / conv.groups),
                  extent.w,
                  weights + block * tiling.runs.block_pairs,
                  tiling.runs.block_pairs,
                  multipliers + static_cast<std::size_t>(block) * kConv2dBlock,
                  bias,
                  channels,
                  epilogue.usual() && !epilogue.add && channels == width * kConv2dBlock};
    for (int v = 0; v < pixels.h; ++v) {
      const std::int16_t* first = job.patch + static_cast<std::size_t>(v) * conv.stride.h * extent.w * conv.x.c;
      std::byte* y = memory.arena + conv.y.offset + (conv.y.pixel(i, top + v, left) + output) * size_of(conv.y.type);
      const std::uint8_t* residual =
          conv.add ? arena_data<std::uint8_t>(memory, conv.residual) + conv.residual.pixel(i, top + v, left) + output
                   : nullptr;
      if (width == kBlocks)
        run_of_pixels<kPixels, kBlocks>(job, first, 0, pixels.w, residual, y);
      else
        run_of_pixels<kPixels, 1>(job, first, 0, pixels.w, residual, y);
    }
  }
}

void direct_tiles(const Conv2dInt8& op, const Memory& memory, int first, int last) {
  const Conv2dInt8 as_row = int8_as_row(op);
  const Int8Tiling tiling(as_row.conv);
  Patch& patch = *reinterpret_cast<Patch*>(memory.scratch);
  for (int tile = first; tile < last; ++tile) direct_tile(as_row, memory, tiling, tile, patch);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace cudet
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cudet {

HWY_EXPORT(direct_tiles);

int conv2d_int8_cpu_direct_tiles(const Conv2dInt8& op) {
  const Int8Tiling tiling(int8_as_row(op).conv);
  return tiling.block_ranges * op.conv.y.n * tiling.tiles.h * tiling.tiles.w;
}

void conv2d_int8_cpu_direct(const Conv2dInt8& op, const Memory& memory, int first, int last) {
  HWY_DYNAMIC_DISPATCH(direct_tiles)(op, memory, first, last);
}

}  // namespace cudet
#endif
