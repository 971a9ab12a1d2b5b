// How conv2d_cpu lays out its weights and divides its work: the same for every instruction set.
#pragma once
#include <algorithm>
#include <cstddef>

#include "kernels/conv2d/conv2d.h"

namespace cudet {

/// Output channels of a block: one vector of AVX-512, two of AVX2, four of NEON.
constexpr int kConv2dBlock = 16;

/// Output channels go by blocks of a group, the last one of each group padded.
struct Conv2dBlocks {
  int depth;            // R · S · C/groups
  int of_group, count;  // blocks of a group, and of all groups
  std::size_t floats;   // packed weights of a block: depth, kConv2dBlock

  explicit Conv2dBlocks(const Conv2d& op)
      : depth(op.kernel.h * op.kernel.w * (op.x.c / op.groups)),
        of_group((op.y.c / op.groups + kConv2dBlock - 1) / kConv2dBlock),
        count(op.groups * of_group),
        floats(static_cast<std::size_t>(depth) * kConv2dBlock) {}
};

/// A tile is a run of an image's output pixels, taken row by row, by a range of blocks.
struct Conv2dTiling {
  Conv2dBlocks blocks;
  int blocks_of_tile, block_ranges;
  int pixels, pixels_of_tile, runs;  // of an image

  explicit Conv2dTiling(const Conv2d& op) : blocks(op), pixels(op.y.h * op.y.w) {
    // The blocks of a tile stay in the second-level cache while the run goes by; pairs of them fill wide vectors.
    const std::size_t kept = std::max<std::size_t>(kWeightBytes / (blocks.floats * sizeof(float)), 1);
    blocks_of_tile = static_cast<int>(std::min(kept, static_cast<std::size_t>(blocks.count)));
    blocks_of_tile = ceil_div(blocks.count, ceil_div(blocks.count, blocks_of_tile));
    if (blocks_of_tile > 1) blocks_of_tile += blocks_of_tile % 2;
    block_ranges = ceil_div(blocks.count, blocks_of_tile);

    // Runs of whole steps, of a size to be worth a tile, but enough of them for the threads to end together.
    const int steps = ceil_div(pixels, kStep);
    const double work_of_step = (blocks.depth + kEpilogue) * kConv2dBlock * blocks_of_tile * kStep;
    const double most = std::min(kWork / work_of_step, static_cast<double>(steps) * block_ranges * op.y.n / kTiles);
    const int steps_of_tile = static_cast<int>(std::clamp(most, 1.0, static_cast<double>(steps)));
    pixels_of_tile = ceil_div(steps, ceil_div(steps, steps_of_tile)) * kStep;
    runs = ceil_div(pixels, pixels_of_tile);
  }

 private:
  static constexpr std::size_t kWeightBytes = 160 << 10;
  static constexpr int kStep = 24;         // pixels: whole register tiles of every instruction set
  static constexpr double kWork = 3e6;     // multiply-adds of a tile: some 60 µs
  static constexpr double kEpilogue = 30;  // multiply-adds that cost as much as an output's SiLU and store
  static constexpr double kTiles = 16;     // to have, if a layer is small

  static int ceil_div(int a, int b) { return (a + b - 1) / b; }
};

}  // namespace cudet
