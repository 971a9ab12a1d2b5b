// Weights in the order in which the CPU's kernels read them. Compiled once for each instruction set (Highway), picked
// at run time; all make the same of them.
#include <algorithm>
#include <cstddef>

#include "kernels/conv2d/cpu/tiling.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/conv2d/cpu/pack.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/conv2d/cpu/winograd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace cudet {
namespace HWY_NAMESPACE {
namespace {

// All weights of `count` channels and one block.
template <class Form>
void transform_taps_of(const float* taps, std::size_t count, float* to, std::size_t point) {
  const std::size_t row = kWinogradSide * point;
  transform_weights<Form, 0>(taps, count, to + Form::kForm.weight_row[0] * row, point);
  transform_weights<Form, 1>(taps, count, to + Form::kForm.weight_row[1] * row, point);
  transform_weights<Form, 2>(taps, count, to + Form::kForm.weight_row[2] * row, point);
}

void transform_taps(int stride, const float* taps, std::size_t count, float* to, std::size_t point) {
  stride == 1 ? transform_taps_of<Stride1>(taps, count, to, point) : transform_taps_of<Stride2>(taps, count, to, point);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace cudet
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cudet {

HWY_EXPORT(transform_taps);

namespace {

/// to(e, lane) = rows(lane, e) of the `used` first lanes, zeros beyond; `to` has `pitch` floats from e to e.
void transpose(const float* rows, std::size_t stride, int used, std::size_t count, float* to, std::size_t pitch) {
  constexpr std::size_t kRun = 16;  // of a row: a line of the cache, and as many lines of `to`
  for (std::size_t first = 0; first < count; first += kRun) {
    const std::size_t end = std::min(first + kRun, count);
    if (used < kConv2dBlock)
      for (std::size_t e = first; e < end; ++e) std::fill_n(to + e * pitch + used, kConv2dBlock - used, 0.0f);
    for (int lane = 0; lane < used; ++lane)
      for (std::size_t e = first; e < end; ++e)
        to[e * pitch + static_cast<std::size_t>(lane)] = rows[static_cast<std::size_t>(lane) * stride + e];
  }
}

}  // namespace

std::size_t conv2d_cpu_direct_floats(const Conv2d& op) {
  const Conv2dBlocks blocks(op);
  return static_cast<std::size_t>(blocks.count) * blocks.floats;
}

void conv2d_cpu_direct_pack(const Conv2d& op, const float* weight, float* packed) {
  const Conv2dBlocks blocks(op);
  const int k_of_group = op.y.c / op.groups;
  const std::size_t depth = static_cast<std::size_t>(blocks.depth);
  for (int block = 0; block < blocks.count; ++block, packed += blocks.floats) {
    const int first = block % blocks.of_group * kConv2dBlock;
    const int k = block / blocks.of_group * k_of_group + first;
    transpose(weight + static_cast<std::size_t>(k) * depth, depth, std::min(kConv2dBlock, k_of_group - first), depth,
              packed, kConv2dBlock);
  }
}

std::size_t conv2d_cpu_winograd_floats(const Conv2d& op) {
  const std::size_t taps = conv2d_cpu_direct_floats(op);
  return conv2d_cpu_winograd_keeps_taps(op) ? taps : taps / 9 * kWinogradWeights;
}

void conv2d_cpu_winograd_pack(const Conv2d& op, const float* weight, float* packed) {
  constexpr std::size_t kChannels = kWinogradChannels;
  const bool keeps_taps = conv2d_cpu_winograd_keeps_taps(op);
  const std::size_t c_count = static_cast<std::size_t>(op.x.c), depth = 9 * c_count, point = c_count * kConv2dBlock;
  for (int k = 0; k < op.y.c; k += kConv2dBlock, packed += (keeps_taps ? 9 : kWinogradWeights) * point)
    for (std::size_t c = 0; c < c_count; c += kChannels) {
      float buffer[9 * kChannels * kConv2dBlock];
      float* taps = keeps_taps ? packed + 9 * c * kConv2dBlock : buffer;
      for (std::size_t t = 0; t < 9; ++t)
        transpose(weight + static_cast<std::size_t>(k) * depth + t * c_count + c, depth,
                  std::min(kConv2dBlock, op.y.c - k), kChannels, taps + t * kConv2dBlock, 9 * kConv2dBlock);
      if (!keeps_taps)
        HWY_DYNAMIC_DISPATCH(transform_taps)(op.stride.h, taps, kChannels, packed + c * kConv2dBlock, point);
    }
}

}  // namespace cudet
#endif
