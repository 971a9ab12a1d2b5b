#include "kernels/conv2d/cpu/winograd_plan.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace cudet {
namespace {

constexpr int kMaxChunk = 256;  // input channels in one chunk; with more, a tile has room for only a few patches
constexpr int kMinPatches = 4;  // per tile: they hide the latency of a multiply-add
// Times, in units of the products of one patch and one block at one point, as measured by perf on Zen 3: to transform a
// block's weights, and to read transformed ones, for a whole pass; to transform an input patch, at one point.
constexpr double kTransformedWeights = 60, kReadWeights = 25, kTransformedPatch = 1.1;

/// The maximum number of patches of a tile that fits its memory.
constexpr int fitting_patches(int points, int chunk, int blocks, bool one_chunk) {
  const int floats_per_output = kWinogradOut * kWinogradOut + (one_chunk ? 0 : points);
  const int floats_per_patch = points * chunk + kConv2dBlock * blocks * floats_per_output;
  return std::min((kWinogradRoom - points * kWinogradPadding) / floats_per_patch, kWinogradProducts / points);
}

constexpr bool minimum_fits(int stride) {
  const int points = winograd_variant(stride).points_per_pass();
  return fitting_patches(points, kMaxChunk, 2, true) >= kMinPatches &&
         fitting_patches(points, kWinogradChunk, 2, false) >= kMinPatches;
}
static_assert(minimum_fits(1) && minimum_fits(2), "a few patches by the smallest range of blocks always have room");

/// Estimated time on `threads` threads: every tile transforms its input, and reads or transforms its weights.
double estimate_time(const Conv2dWinogradPlan& plan, const Conv2d& op, int threads) {
  const double per_pass = winograd_keeps_taps(op) ? kTransformedWeights : kReadWeights;
  const double weights = per_pass / winograd_variant(op.stride.h).points_per_pass();
  const double tile = plan.patches_per_tile * plan.ranges.blocks + weights * plan.ranges.blocks +
                      kTransformedPatch * plan.patches_per_tile;
  return tile * std::ceil(static_cast<double>(op.y.n) * plan.runs * plan.ranges.count / threads);
}

}  // namespace

Conv2dWinogradPlan winograd_plan(const Conv2d& op, int threads) {
  Conv2dWinogradPlan plan{};
  plan.blocks = Conv2dBlocks(op);
  plan.chunk = winograd_keeps_taps(op) || op.x.c > kMaxChunk ? std::min(op.x.c, kWinogradChunk) : op.x.c;
  plan.patches_per_row = ceil_div(op.y.w, kWinogradOut);
  plan.patches = plan.patches_per_row * ceil_div(op.y.h, kWinogradOut);

  const int points = winograd_variant(op.stride.h).points_per_pass();
  Conv2dWinogradPlan best = plan;
  double least = 0;
  for (int limit = plan.blocks.count; limit > 0; limit /= 2) {
    plan.ranges = BlockRanges(plan.blocks.count, limit);
    const int fitting = fitting_patches(points, plan.chunk, plan.ranges.blocks, plan.one_chunk(op));
    if (fitting < kMinPatches) continue;
    const int fewest = ceil_div(plan.patches, fitting);
    // A multiple of this number of runs gives every thread the same number of tiles.
    const int balanced =
        threads / static_cast<int>(std::gcd<long long>(threads, static_cast<long long>(op.y.n) * plan.ranges.count));
    for (const int runs : {fewest, ceil_div(fewest, balanced) * balanced}) {
      plan.patches_per_tile = std::max(ceil_div(plan.patches, runs), std::min(plan.patches, kMinPatches));
      plan.runs = ceil_div(plan.patches, plan.patches_per_tile);
      const double time = estimate_time(plan, op, threads);
      if (least != 0 && time >= least) continue;
      least = time;
      best = plan;
    }
  }
  return best;
}

}  // namespace cudet
