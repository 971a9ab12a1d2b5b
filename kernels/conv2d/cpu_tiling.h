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
        of_group(ceil_div(op.y.c / op.groups, kConv2dBlock)),
        count(op.groups * of_group),
        floats(static_cast<std::size_t>(depth) * kConv2dBlock) {}
};

/// Of the direct kernel. A tile is a run of an image's output pixels, taken row by row, by a range of blocks.
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
};

// Winograd's F(4×4, 3×3): Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2015. A patch of 4×4
// output pixels takes 36 products a pair of channels where the plain sum takes 144. Along each axis the points are
// those of the polynomials at 1, −1, 2, −2, 0 and ∞, and a pass takes two rows of them, whose transforms share terms:
// so a third of the transformed patch at a time needs room.
constexpr int kWinogradOut = 4, kWinogradIn = 6;            // side of a patch, and of what it reads
constexpr int kWinogradPoints = kWinogradIn * kWinogradIn;  // of the transformed patch
constexpr int kWinogradPasses = 3;
constexpr int kWinogradPassPoints = kWinogradPoints / kWinogradPasses;
constexpr int kWinogradPadding = 16;            // floats between points, which would else share sets of the cache
constexpr int kWinogradChannels = 16;           // divides C: whole vectors of every instruction set
constexpr int kWinogradMostChannels = 1024;     // of C
constexpr int kWinogradRoom = (256 << 10) / 4;  // floats of a tile, half of a second-level cache

/// A tile is a run of an image's patches, taken row by row, by a range of blocks of output channels.
struct WinogradTiling {
  Conv2dBlocks blocks;
  int blocks_of_tile, block_ranges;
  int across, patches, patches_of_tile, runs;  // of an image; across: in a row

  explicit WinogradTiling(const Conv2d& op)
      : blocks(op), across(ceil_div(op.y.w, kWinogradOut)), patches(across * ceil_div(op.y.h, kWinogradOut)) {
    // Every range transforms the input anew, every run reads the weights anew.
    for (int ranges = 1; split(ranges), room_for(op.x.c) < kLeastPatches && blocks_of_tile > kLeastBlocks;) ++ranges;
    runs = ceil_div(patches, std::min(room_for(op.x.c), kMostPatches));
    if (runs * op.y.n < kTiles) runs = std::max(runs, std::min(ceil_div(patches, kLeastPatches), kTiles / op.y.n));
    patches_of_tile = ceil_div(patches, runs);
    runs = ceil_div(patches, patches_of_tile);
    const int more = std::min(ceil_div(kTiles, runs * op.y.n), ceil_div(blocks.count, kLeastBlocks));
    if (more > block_ranges) split(more);
  }

  static constexpr int kMostPatches = 24;

 private:
  static constexpr int kTiles = 8, kLeastPatches = 12, kLeastBlocks = 4;
  static constexpr int kSums = kWinogradOut * kWinogradOut * kConv2dBlock;  // floats of a patch and block
  static_assert(kWinogradPassPoints * (kWinogradMostChannels + kWinogradPadding) + kLeastBlocks * kSums <=
                    kWinogradRoom / 4,
                "with the most channels, four patches fit");

  void split(int ranges) {
    blocks_of_tile = ceil_div(blocks.count, ranges);
    if (blocks_of_tile > 1) blocks_of_tile += blocks_of_tile % 2;  // pairs fill wide vectors
    block_ranges = ceil_div(blocks.count, blocks_of_tile);
  }
  int room_for(int c) const {  // patches
    return (kWinogradRoom - kWinogradPassPoints * kWinogradPadding) /
           (kWinogradPassPoints * c + kSums * blocks_of_tile);
  }
};

}  // namespace cudet
