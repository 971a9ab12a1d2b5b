// The direct kernel, an implicit GEMM: a register tile of output pixels by a block of output channels is summed over
// the kernel's taps and the input channels. Compiled once per instruction set (Highway); the best one is picked at run
// time.
#include <algorithm>
#include <cstddef>

#include "kernels/conv2d/cpu/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/conv2d/cpu/direct.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/conv2d/cpu/register_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace cudet {
namespace HWY_NAMESPACE {
namespace {

constexpr int kZeroChannels = 1024;
alignas(64) constexpr float kZeros[kZeroChannels] = {};  // read by taps outside the image

// The values that all register tiles of one image and one block, or kBlocks neighbouring blocks, have in common.
struct Job {
  const Conv2d& op;
  const Conv2dStrides& strides;
  int c;                     // input channels of the group
  const float* x;            // the group's first channel of the image's first pixel
  const float* weight;       // R, S, C/groups, kConv2dBlock, per block
  std::size_t block_floats;  // from one block's weights to the next
  const float* bias;         // kBlocks · kConv2dBlock
  float* y;                  // the block's first channel of the image's first pixel
  const float* residual;     // as y
  int channels;              // output channels of these blocks that exist
};

// Adds the sums of output pixels (v, u), …, (v, u + kM − 1), whose taps are all inside of the image.
template <int kM, int kB>
HWY_INLINE void sum_inside(const Job& job, int v, int u, Floats (&sums)[kM][kB * kVectors]) {
  const Conv2dStrides& strides = job.strides;
  const float* row = job.x + (v * strides.down + u * strides.across - strides.origin);  // tap (0, 0)
  const float* weight = job.weight;
  for (int r = 0; r < strides.rows; ++r, row += strides.row) {
    const float* tap = row;
    for (int s = 0; s < strides.runs; ++s, tap += strides.tap, weight += strides.weight) {
      const float* x[kM];
      for (int m = 0; m < kM; ++m) x[m] = tap + m * strides.across;
      if (strides.reads_once)
        accumulate<kM, kB, true>(x, weight, job.block_floats, strides.run, sums, kM * strides.across);
      else
        accumulate<kM, kB>(x, weight, job.block_floats, strides.run, sums);
    }
  }
}

// Adds the sums of any kM output pixels from (v, u) on: they may continue in the next row, and taps may be outside.
template <int kM, int kB>
HWY_INLINE void sum_anywhere(const Job& job, int v, int u, Floats (&sums)[kM][kB * kVectors]) {
  const Conv2d& op = job.op;
  const std::ptrdiff_t pitch = op.x.pitch, row_pitch = op.x.w * pitch;
  int top[kM], left[kM];  // the input pixel of tap (0, 0)
  for (int m = 0; m < kM; ++m) {
    top[m] = v * op.stride.h - op.pad.h;
    left[m] = u * op.stride.w - op.pad.w;
    if (++u == op.y.w) ++v, u = 0;
  }
  const float* weight = job.weight;
  for (int r = 0; r < op.kernel.h; ++r)
    for (int s = 0; s < op.kernel.w; ++s)
      for (int first = 0; first < job.c; first += kZeroChannels) {
        const int count = std::min(kZeroChannels, job.c - first);
        bool any = false;
        const float* x[kM];
        for (int m = 0; m < kM; ++m) {
          const int row = top[m] + r * op.dilation.h, column = left[m] + s * op.dilation.w;
          const bool inside = row >= 0 && row < op.x.h && column >= 0 && column < op.x.w;
          x[m] = inside ? job.x + row * row_pitch + column * pitch + first : kZeros;
          any |= inside;
        }
        if (any) accumulate<kM, kB>(x, weight, job.block_floats, count, sums);
        weight += static_cast<std::size_t>(count) * kConv2dBlock;
      }
}

// Computes output pixels [pixel, pixel + kM) of the job.
template <int kM, int kB>
HWY_INLINE void register_tile(const Job& job, int pixel) {
  const Conv2d& op = job.op;
  Floats sums[kM][kB * kVectors];
  HWY_UNROLL(16)
  for (int m = 0; m < kM; ++m) {
    HWY_UNROLL(16)
    for (int n = 0; n < kB * kVectors; ++n) sums[m][n] = hn::LoadU(kFloats, job.bias + n * kLanes);
  }

  const int v = pixel / op.y.w, u = pixel % op.y.w;
  const Conv2dStrides& inside = job.strides;
  if (v >= inside.first_row && v < inside.end_row && u >= inside.first_column && u + kM <= inside.end_column)
    sum_inside<kM, kB>(job, v, u, sums);
  else
    sum_anywhere<kM, kB>(job, v, u, sums);

  float* y = job.y + static_cast<std::size_t>(pixel) * op.y.pitch;
  const float* residual = op.add ? job.residual + static_cast<std::size_t>(pixel) * op.residual.pitch : nullptr;
  HWY_UNROLL(16)
  for (int m = 0; m < kM; ++m) {
    activate(op, sums[m]);
    store_pixel<kB * kVectors>(op, sums[m], residual, y, job.channels);
    y += op.y.pitch;
    if (op.add) residual += op.residual.pitch;
  }
}

void direct_tile(const Conv2d& op, const Conv2dDirectPlan& plan, const Memory& memory, int tile) {
  const int run = tile % plan.runs, i = tile / plan.runs % op.y.n, range = tile / plan.runs / op.y.n;
  const int first = run * plan.pixels_per_tile, last = std::min(first + plan.pixels_per_tile, plan.pixels);
  const int c = op.x.c / op.groups;
  for_each_block(plan.blocks, plan.ranges, range, [&](auto width, int block) HWY_ATTR {
    constexpr int kB = decltype(width)::value;
    const BlockChannels k(op, plan.blocks, block, kB);
    const PaddedBias<kB> bias(memory, op.bias, k.first, k.count);
    const Job job{op,
                  plan.strides,
                  c,
                  arena_data<float>(memory, op.x) + op.x.pixel(i, 0, 0) + k.group * c,
                  weights_data<float>(memory, op.weight) + block * plan.blocks.floats,
                  plan.blocks.floats,
                  bias.values,
                  arena_data<float>(memory, op.y) + op.y.pixel(i, 0, 0) + k.first,
                  op.add ? arena_data<float>(memory, op.residual) + op.residual.pixel(i, 0, 0) + k.first : nullptr,
                  k.count};
    for_each_tile<kPixels>(first, last, [&job](auto pixels, int pixel) HWY_ATTR {
      register_tile<decltype(pixels)::value, kB>(job, pixel);
    });
  });
}

void direct_tiles(const Conv2d& op, const Conv2dDirectPlan& plan, const Memory& memory, int first, int last) {
  const Conv2d as_row = pointwise_as_row(op);
  for (int tile = first; tile < last; ++tile) direct_tile(as_row, plan, memory, tile);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace cudet
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cudet {

HWY_EXPORT(direct_tiles);

namespace {

bool supports(const Conv2d&) {
  return true;
}

std::size_t packed_floats(const Conv2d& op) {
  const Conv2dBlocks blocks(op);
  return static_cast<std::size_t>(blocks.count) * blocks.floats;
}

void pack(const Conv2d& op, const float* weight, float* packed) {
  const Conv2dBlocks blocks(op);
  const int k_per_group = op.y.c / op.groups;
  const std::size_t depth = blocks.depth;
  for (int block = 0; block < blocks.count; ++block, packed += blocks.floats) {
    const int first = block % blocks.per_group * kConv2dBlock;
    const int k = block / blocks.per_group * k_per_group + first;
    pack_block(weight + k * depth, depth, std::min(kConv2dBlock, k_per_group - first), depth, packed, kConv2dBlock);
  }
}

Conv2dStrides make_strides(const Conv2d& op) {
  const int c = op.x.c / op.groups;
  const std::ptrdiff_t pitch = op.x.pitch, row_pitch = op.x.w * pitch;
  const bool dense = pitch == c && op.dilation.w == 1;  // then a kernel row's taps are one run
  Conv2dStrides strides{};
  strides.across = op.stride.w * pitch;
  strides.down = op.stride.h * row_pitch;
  strides.origin = op.pad.h * row_pitch + op.pad.w * pitch;
  strides.rows = op.kernel.h;
  strides.runs = dense ? 1 : op.kernel.w;
  strides.run = dense ? op.kernel.w * c : c;
  strides.row = op.dilation.h * row_pitch;
  strides.tap = op.dilation.w * pitch;
  strides.weight = static_cast<std::ptrdiff_t>(strides.run) * kConv2dBlock;
  strides.reads_once = op.kernel == Extent{1, 1};
  const auto end = [](int size, int reach, int stride, int pad) {
    const int last = size - 1 - reach + pad;
    return last < 0 ? 0 : last / stride + 1;
  };
  strides.first_row = ceil_div(op.pad.h, op.stride.h);
  strides.first_column = ceil_div(op.pad.w, op.stride.w);
  strides.end_row = end(op.x.h, (op.kernel.h - 1) * op.dilation.h, op.stride.h, op.pad.h);
  strides.end_column = end(op.x.w, (op.kernel.w - 1) * op.dilation.w, op.stride.w, op.pad.w);
  return strides;
}

Conv2dCpuPlan plan(const Conv2d& op, int threads) {
  constexpr std::size_t kWeightBytes = 160 << 10;  // of a tile: they stay in the second-level cache
  constexpr int kStep = 24;                        // pixels: whole register tiles of every instruction set
  constexpr double kWork = 3e6;                    // multiply-adds of a tile: about 60 µs
  constexpr double kEpilogue = 30;                 // multiply-adds that take as long as an output's SiLU and store
  constexpr int kTiles = 8;                        // minimum per thread, if a layer is small
  const Conv2dBlocks blocks(op);
  const int pixels = op.y.h * op.y.w, steps = ceil_div(pixels, kStep);

  const std::size_t cached = std::max<std::size_t>(kWeightBytes / (blocks.floats * sizeof(float)), 1);
  const int ranges = ceil_div(kTiles * threads, steps * op.y.n);  // needed if an image has few steps
  const BlockRanges block_ranges(blocks.count,
                                 static_cast<int>(std::min<std::size_t>(cached, ceil_div(blocks.count, ranges))));

  // A run is large enough for the cost of a tile to be small, but there are enough runs that all threads end at about
  // the same time.
  const double work_per_step = (blocks.depth + kEpilogue) * kConv2dBlock * block_ranges.blocks * kStep;
  const double limit =
      std::min(kWork / work_per_step, static_cast<double>(steps) * block_ranges.count * op.y.n / (kTiles * threads));
  const int steps_per_tile = static_cast<int>(std::clamp(limit, 1.0, static_cast<double>(steps)));
  const int pixels_per_tile = ceil_div(steps, ceil_div(steps, steps_per_tile)) * kStep;
  const int runs = ceil_div(pixels, pixels_per_tile);

  return {&conv2d_cpu_direct, block_ranges.count * op.y.n * runs,
          Conv2dDirectPlan{blocks, block_ranges, pixels, pixels_per_tile, runs, make_strides(pointwise_as_row(op))}};
}

void run(const Conv2d& op, const Conv2dCpuPlan& plan, const Memory& memory, int first, int last) {
  HWY_DYNAMIC_DISPATCH(direct_tiles)(op, std::get<Conv2dDirectPlan>(plan.division), memory, first, last);
}

}  // namespace

const Conv2dCpuKernel conv2d_cpu_direct = {"direct", supports, packed_floats, pack, plan, run};

}  // namespace cudet
#endif
