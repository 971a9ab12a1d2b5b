// Implicit GEMM: a register tile of output pixels by a block of output channels, summed over taps and input channels.
// Compiled once for each instruction set (Highway), picked at run time.
#include <algorithm>
#include <cstddef>
#include <cstring>

#include "kernels/conv2d/cpu/tiling.h"

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
alignas(64) constexpr float kZeros[kZeroChannels] = {};  // what taps outside of the picture read

// How a convolution walks through x, in floats, so that a register tile has little left to reckon before its sums.
struct Steps {
  std::ptrdiff_t across, down, origin;               // between first taps of neighbouring outputs; to output (0, 0)'s
  int rows, taps, count;                             // of the kernel; in a row, runs of channels, and of a run
  std::ptrdiff_t row, tap, weight;                   // from one to the next; weights of a run
  bool single;                                       // each value is read but once
  int first_row, end_row, first_column, end_column;  // of outputs all taps of which are inside of the picture

  explicit Steps(const Conv2d& op) {
    const int c = op.x.c / op.groups;
    const std::ptrdiff_t pitch = op.x.pitch, row_pitch = op.x.w * pitch;
    const bool dense = pitch == c && op.dilation.w == 1;  // then the taps of a kernel's row are one run
    across = op.stride.w * pitch;
    down = op.stride.h * row_pitch;
    origin = op.pad.h * row_pitch + op.pad.w * pitch;
    rows = op.kernel.h;
    taps = dense ? 1 : op.kernel.w;
    count = dense ? op.kernel.w * c : c;
    row = op.dilation.h * row_pitch;
    tap = op.dilation.w * pitch;
    weight = static_cast<std::ptrdiff_t>(count) * kConv2dBlock;
    single = op.kernel == Extent{1, 1};
    const auto end = [](int size, int reach, int stride, int pad) {
      const int last = size - 1 - reach + pad;
      return last < 0 ? 0 : last / stride + 1;
    };
    first_row = ceil_div(op.pad.h, op.stride.h);
    first_column = ceil_div(op.pad.w, op.stride.w);
    end_row = end(op.x.h, (op.kernel.h - 1) * op.dilation.h, op.stride.h, op.pad.h);
    end_column = end(op.x.w, (op.kernel.w - 1) * op.dilation.w, op.stride.w, op.pad.w);
  }
};

// One image, one group, one block (or kBlocks neighbours): what its register tiles have in common.
struct Job {
  const Conv2d& op;
  const Steps& steps;
  int c;                     // of the group
  const float* x;            // the group's first channel of the image's first pixel
  const float* weight;       // R, S, C/groups, kConv2dBlock, once a block
  std::size_t block_floats;  // from block to block
  const float* bias;         // kBlocks · kConv2dBlock
  float* y;                  // the block's first channel of the image's first pixel
  const float* residual;     // as y
  int channels;              // of the output, in these blocks
};

// Sums of output pixels (v, u), …, (v, u + kM − 1), no tap of which is outside of the picture.
template <int kM, int kB>
HWY_INLINE void sum_inside(const Job& job, int v, int u, Floats (&sums)[kM][kB * kVectors]) {
  const Steps& steps = job.steps;
  const float* row = job.x + (v * steps.down + u * steps.across - steps.origin);  // tap (0, 0)
  const float* weight = job.weight;
  for (int r = 0; r < steps.rows; ++r, row += steps.row) {
    const float* tap = row;
    for (int s = 0; s < steps.taps; ++s, tap += steps.tap, weight += steps.weight) {
      const float* x[kM];
      for (int m = 0; m < kM; ++m) x[m] = tap + m * steps.across;
      if (steps.single)
        accumulate<kM, kB, true>(x, weight, job.block_floats, steps.count, sums, kM * steps.across);
      else
        accumulate<kM, kB>(x, weight, job.block_floats, steps.count, sums);
    }
  }
}

// Sums of any kM output pixels from (v, u) on: they may go on in the next row, and taps be outside of the picture.
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

// Output pixels [pixel, pixel + kM) of the job.
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
  const Steps& steps = job.steps;
  if (v >= steps.first_row && v < steps.end_row && u >= steps.first_column && u + kM <= steps.end_column)
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

// Output pixels [first, last) of the job: as many register tiles of kM pixels as go, then smaller ones.
template <int kM, int kB>
void run_of_pixels(const Job& job, int first, int last) {
  for (; last - first >= kM; first += kM) register_tile<kM, kB>(job, first);
  if constexpr (kM > 4)
    run_of_pixels<4, kB>(job, first, last);
  else if constexpr (kM > 1)
    run_of_pixels<kM / 2, kB>(job, first, last);
}

template <int kB>
void blocks_of_job(Job job, const float* bias, int first, int last) {
  float padded[kB * kConv2dBlock] = {};
  std::memcpy(padded, bias, job.channels * sizeof(float));
  job.bias = padded;
  run_of_pixels<kPixels, kB>(job, first, last);
}

void direct_tile(const Conv2d& op, const Memory& memory, const Conv2dTiling& tiling, const Steps& steps, int tile) {
  const int run = tile % tiling.runs, i = tile / tiling.runs % op.y.n, range = tile / tiling.runs / op.y.n;
  const int first = run * tiling.pixels_of_tile, last = std::min(first + tiling.pixels_of_tile, tiling.pixels);
  const int c_of_group = op.x.c / op.groups, k_of_group = op.y.c / op.groups;
  const int end = std::min((range + 1) * tiling.blocks_of_tile, tiling.blocks.count);
  for (int block = range * tiling.blocks_of_tile, width; block < end; block += width) {
    const int group = block / tiling.blocks.of_group, of_group = block % tiling.blocks.of_group;
    width = std::min({kBlocks, end - block, tiling.blocks.of_group - of_group});
    const int k = of_group * kConv2dBlock, channels = std::min(width * kConv2dBlock, k_of_group - k);
    const int output = group * k_of_group + k;
    const Job job{op,
                  steps,
                  c_of_group,
                  arena_data<float>(memory, op.x) + op.x.pixel(i, 0, 0) + group * c_of_group,
                  weights_data<float>(memory, op.weight) + block * tiling.blocks.floats,
                  tiling.blocks.floats,
                  nullptr,
                  arena_data<float>(memory, op.y) + op.y.pixel(i, 0, 0) + output,
                  op.add ? arena_data<float>(memory, op.residual) + op.residual.pixel(i, 0, 0) + output : nullptr,
                  channels};
    const float* bias = weights_data<float>(memory, op.bias) + output;
    if (width == kBlocks)
      blocks_of_job<kBlocks>(job, bias, first, last);
    else
      blocks_of_job<1>(job, bias, first, last);
  }
}

void direct_tiles(const Conv2d& op, const Memory& memory, int threads, int first, int last) {
  const Conv2dTiling tiling(op, threads);
  Conv2d as_row = op;
  constexpr Extent kOne{1, 1}, kNone{0, 0};
  if (op.kernel == kOne && op.stride == kOne && op.pad == kNone)  // pointwise: rows and their ends mean nothing
    for (Tensor* t : {&as_row.x, &as_row.y, &as_row.residual})
      *t = {t->space, t->type, t->offset, t->n, 1, t->h * t->w, t->c, t->pitch};
  const Steps steps(as_row);
  for (int tile = first; tile < last; ++tile) direct_tile(as_row, memory, tiling, steps, tile);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace cudet
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cudet {

HWY_EXPORT(direct_tiles);

int conv2d_cpu_direct_tiles(const Conv2d& op, int threads) {
  const Conv2dTiling tiling(op, threads);
  return tiling.block_ranges * op.y.n * tiling.runs;
}

void conv2d_cpu_direct(const Conv2d& op, const Memory& memory, int threads, int first, int last) {
  HWY_DYNAMIC_DISPATCH(direct_tiles)(op, memory, threads, first, last);
}

}  // namespace cudet
#endif
