#include <algorithm>

#include "kernels/conv_transpose2d/conv_transpose2d.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/conv_transpose2d/cpu.cpp"
#include "hwy/foreach_target.h"
#include "kernels/conv2d/cpu/register_tile-inl.h"

static_assert(cudet::ConvTranspose2dPacking::kBlock == cudet::kConv2dBlock, "the register tile reads these blocks");

HWY_BEFORE_NAMESPACE();
namespace cudet {
namespace HWY_NAMESPACE {
namespace {

// A row of y by a block of output channels.
struct Job {
  const ConvTranspose2d& op;
  const float* x;       // the image, from the first channel of the block's group
  const float* weight;  // of the block
  const float* bias;    // of the block, with zeros for missing channels
  float* y;             // the row, from the first channel of the block
  int v;                // the row
  int channels;         // of the block
};

// Computes the pixels u, u + stride, … of the row, kM in total. They read the same taps, at neighbouring columns of x.
// A tap must have its column in x for all of them or for none.
template <int kM>
HWY_INLINE void register_tile(const Job& job, int u) {
  const ConvTranspose2d& op = job.op;
  const int c = op.x.c / op.groups;
  Floats sums[kM][kVectors];
  HWY_UNROLL(16)
  for (int m = 0; m < kM; ++m) {
    HWY_UNROLL(16)
    for (int n = 0; n < kVectors; ++n) sums[m][n] = hn::LoadU(kFloats, job.bias + n * kLanes);
  }
  for (int r = 0; r < op.kernel.h; ++r) {
    const int row = conv_transpose2d_source(job.v, r, op.stride.h, op.pad.h, op.dilation.h, op.x.h);
    if (row < 0) continue;
    for (int s = 0; s < op.kernel.w; ++s) {
      const int column = conv_transpose2d_source(u, s, op.stride.w, op.pad.w, op.dilation.w, op.x.w);
      if (column < 0) continue;
      const float* x[kM];
      for (int m = 0; m < kM; ++m) x[m] = job.x + op.x.pixel(0, row, column + m);
      const std::size_t tap = static_cast<std::size_t>(r) * op.kernel.w + s;
      accumulate<kM, 1>(x, job.weight + tap * c * kConv2dBlock, 0, c, sums);
    }
  }
  constexpr Conv2d kNoResidual{};
  for (int m = 0; m < kM; ++m)
    store_pixel<kVectors>(kNoResidual, sums[m], nullptr, job.y + op.y.pixel(0, 0, u + m * op.stride.w), job.channels);
}

// Computes every stride-th pixel of the row, from `phase` on.
HWY_INLINE void phase_tile(const Job& job, int phase) {
  const ConvTranspose2d& op = job.op;
  const int stride = op.stride.w, pixels = ceil_div(op.y.w - phase, stride), start = phase + op.pad.w;
  // Pixels [first, last) have all of their taps within the rows of x.
  const int reach = std::max((op.kernel.w - 1) * op.dilation.w - start, 0);
  const int first = std::min(ceil_div(reach, stride), pixels);
  const int last = std::clamp(op.x.w - start / stride, first, pixels);
  const auto tile = [&](auto count, int pixel)
                        HWY_ATTR { register_tile<decltype(count)::value>(job, phase + pixel * stride); };
  for_each_tile<1>(0, first, tile);
  for_each_tile<kPixels>(first, last, tile);
  for_each_tile<1>(last, pixels, tile);
}

void transpose_rows(const ConvTranspose2d& op, const Memory& memory, int first, int last) {
  const ConvTranspose2dPacking packing(op);
  for (int tile = first; tile < last; ++tile) {
    const int i = tile / op.y.h, v = tile % op.y.h;
    for (int block = 0; block < op.groups * packing.blocks_per_group; ++block) {
      const int group = block / packing.blocks_per_group, lane = block % packing.blocks_per_group * kConv2dBlock;
      const int k = group * packing.k_per_group + lane, channels = std::min(kConv2dBlock, packing.k_per_group - lane);
      const PaddedBias<1> bias(memory, op.bias, k, channels);
      const Job job{op,
                    arena_data<float>(memory, op.x) + op.x.pixel(i, 0, 0) + group * packing.c_per_group,
                    weights_data<float>(memory, op.weight) + packing.index(k, 0, 0, 0),
                    bias.values,
                    arena_data<float>(memory, op.y) + op.y.pixel(i, v, 0) + k,
                    v,
                    channels};
      for (int phase = 0; phase < std::min(op.stride.w, op.y.w); ++phase) phase_tile(job, phase);
    }
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace cudet
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cudet {

HWY_EXPORT(transpose_rows);

void conv_transpose2d_cpu(const ConvTranspose2d& op, const Memory& memory, int first, int last) {
  HWY_DYNAMIC_DISPATCH(transpose_rows)(op, memory, first, last);
}

}  // namespace cudet
#endif
