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

// Winograd's kernel: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2015. Patches of 4×4 output
// pixels, each from a square of transformed input, its points. These are products of a row's point and a column's, of
// the same kinds along both axes (cpu_winograd-inl.h has the transforms):
//
// - stride 1, F(4×4, 3×3): 6 pixels make 6 points; 36 products a pair of channels where the plain sum takes 144.
// - stride 2: 9 pixels make 9 points, four of which are pixels that only the kernel's middle tap meets; 81 products.
//
// Pixels share a weight, so that both forms have 36 of them. A third of the rows of points goes in one pass: so much of
// a patch at a time needs room.
constexpr int kWinogradOut = 4, kWinogradPasses = 3;
constexpr int kWinogradSide = 6, kWinogradWeights = kWinogradSide * kWinogradSide;  // transformed
struct WinogradForm {
  int in, rows;      // pixels and points along an axis; rows of points of a pass
  int weight_of[9];  // of a kind of point: which of kWinogradSide

  constexpr int pass_points() const { return rows * in; }
  constexpr int weight(int pass, int point) const {
    return weight_of[pass * rows + point / in] * kWinogradSide + weight_of[point % in];
  }
};
constexpr WinogradForm winograd_form(int stride) {
  return stride == 1 ? WinogradForm{6, 2, {0, 1, 2, 3, 4, 5}} : WinogradForm{9, 3, {0, 1, 2, 3, 5, 5, 4, 5, 5}};
}

constexpr int kWinogradChannels = 16;        // divides C: whole vectors of every instruction set
constexpr int kWinogradMostChannels = 1024;  // of C
// With stride 2. Of fewer channels, the transforms take what the products save; of more, few patches fit.
constexpr int kWinogradLeastChannels2 = 32, kWinogradMostChannels2 = 320;
constexpr int kWinogradPadding = 16;            // floats between points, which would else share sets of the cache
constexpr int kWinogradRoom = (240 << 10) / 4;  // floats of a tile, half of a second-level cache
constexpr int kWinogradProducts = 27 * 12;      // of a pass and an output channel

/// Patches of a tile that fit.
constexpr int winograd_patches(int stride, int c, int blocks) {
  const int points = winograd_form(stride).pass_points(), sums = kWinogradOut * kWinogradOut * kConv2dBlock * blocks;
  return std::min((kWinogradRoom - points * kWinogradPadding) / (points * c + sums), kWinogradProducts / points);
}
constexpr int kWinogradLeastBlocks = 4;
static_assert(winograd_patches(1, kWinogradMostChannels, kWinogradLeastBlocks) >= 4 &&
                  winograd_patches(2, kWinogradMostChannels2, kWinogradLeastBlocks) >= 4,
              "enough of them to hide the latency of a multiply-add");

/// A tile is a run of an image's patches, taken row by row, by a range of blocks of output channels.
struct WinogradTiling {
  Conv2dBlocks blocks;
  int blocks_of_tile, block_ranges;
  int across, patches, patches_of_tile, runs;  // of an image; across: in a row

  explicit WinogradTiling(const Conv2d& op)
      : blocks(op), across(ceil_div(op.y.w, kWinogradOut)), patches(across * ceil_div(op.y.h, kWinogradOut)) {
    // Every range transforms the input anew, every run reads the weights anew, but for points that share them.
    const int enough = op.stride.h == 1 ? kLeastPatches : kLeastPatches / 2;
    for (int ranges = 1; split(ranges), room_for(op) < enough && blocks_of_tile > kWinogradLeastBlocks;) ++ranges;
    runs = ceil_div(patches, room_for(op));
    if (runs > kTiles) runs = ceil_div(runs, 4) * 4;  // a few threads end together
    if (runs * op.y.n < kTiles) runs = std::max(runs, std::min(ceil_div(patches, kLeastPatches), kTiles / op.y.n));
    patches_of_tile = ceil_div(patches, runs);
    runs = ceil_div(patches, patches_of_tile);
    if (runs * op.y.n < kTiles) {
      const int more = ceil_div(kTiles, runs * op.y.n * 2) * 2;
      split(std::max(block_ranges, std::min(more, ceil_div(blocks.count, kWinogradLeastBlocks))));
    }
  }

 private:
  static constexpr int kTiles = 8, kLeastPatches = 12;

  int room_for(const Conv2d& op) const { return winograd_patches(op.stride.h, op.x.c, blocks_of_tile); }
  void split(int ranges) {
    blocks_of_tile = ceil_div(blocks.count, ranges);
    if (blocks_of_tile > 1) blocks_of_tile += blocks_of_tile % 2;  // pairs fill wide vectors
    block_ranges = ceil_div(blocks.count, blocks_of_tile);
  }
};

}  // namespace cudet
