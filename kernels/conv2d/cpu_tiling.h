// How conv2d_cpu lays out its weights and divides its work: the same for every instruction set.
#pragma once
#include <algorithm>
#include <cstddef>
#include <numeric>

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

  Conv2dTiling(const Conv2d& op, int threads) : blocks(op), pixels(op.y.h * op.y.w) {
    // The blocks of a tile stay in the second-level cache while the run goes by; pairs of them fill wide vectors.
    const std::size_t kept = std::max<std::size_t>(kWeightBytes / (blocks.floats * sizeof(float)), 1);
    const int steps = ceil_div(pixels, kStep), few = ceil_div(kTiles * threads, steps * op.y.n);  // ranges for few runs
    blocks_of_tile = static_cast<int>(std::min(kept, static_cast<std::size_t>(ceil_div(blocks.count, few))));
    blocks_of_tile = ceil_div(blocks.count, ceil_div(blocks.count, blocks_of_tile));
    if (blocks_of_tile > 1) blocks_of_tile += blocks_of_tile % 2;
    block_ranges = ceil_div(blocks.count, blocks_of_tile);

    // Runs of whole steps, of a size to be worth a tile, but enough of them for the threads to end together.
    const double work_of_step = (blocks.depth + kEpilogue) * kConv2dBlock * blocks_of_tile * kStep;
    const double most =
        std::min(kWork / work_of_step, static_cast<double>(steps) * block_ranges * op.y.n / (kTiles * threads));
    const int steps_of_tile = static_cast<int>(std::clamp(most, 1.0, static_cast<double>(steps)));
    pixels_of_tile = ceil_div(steps, ceil_div(steps, steps_of_tile)) * kStep;
    runs = ceil_div(pixels, pixels_of_tile);
  }

 private:
  static constexpr std::size_t kWeightBytes = 160 << 10;
  static constexpr int kStep = 24;         // pixels: whole register tiles of every instruction set
  static constexpr double kWork = 3e6;     // multiply-adds of a tile: some 60 µs
  static constexpr double kEpilogue = 30;  // multiply-adds that cost as much as an output's SiLU and store
  static constexpr int kTiles = 8;         // of a thread to have, if a layer is small
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
  int in, rows;       // pixels and points along an axis; rows of points of a pass
  int weight_of[9];   // of a kind of point: which of kWinogradSide
  int weight_row[3];  // of a pass: the first of its rows of weights; two passes share that of pixels

  constexpr int pass_points() const { return rows * in; }
  constexpr int weight_rows(int pass) const { return pass == 0 ? weight_row[1] : 2; }
  /// Of a pass's point: which of the pass's weights.
  constexpr int weight(int pass, int point) const {
    return (weight_of[pass * rows + point / in] - weight_row[pass]) * kWinogradSide + weight_of[point % in];
  }
};
constexpr WinogradForm winograd_form(int stride) {
  return stride == 1 ? WinogradForm{6, 2, {0, 1, 2, 3, 4, 5}, {0, 2, 4}}
                     : WinogradForm{9, 3, {0, 1, 2, 3, 4, 4, 5, 4, 4}, {0, 3, 4}};
}

constexpr int kWinogradChannels = 16;  // divides C: whole vectors of every instruction set
// With stride 2. Of fewer channels, the transforms take what the products save.
constexpr int kWinogradLeastChannels2 = 32;
constexpr int kWinogradChunk = 64;              // input channels that go at a time, where all would not fit
constexpr int kWinogradPadding = 16;            // floats between points, which would else share sets of the cache
constexpr int kWinogradRoom = (528 << 10) / 4;  // floats of a tile
constexpr int kWinogradProducts = 27 * 12;      // of a pass and an output channel

/// A tile is a run of an image's patches, taken row by row, by a range of blocks of output channels.
struct WinogradTiling {
  Conv2dBlocks blocks;
  int chunk;                                   // input channels that go at a time
  int blocks_of_tile, block_ranges;            // a tile's blocks are even in number, or one
  int across, patches, patches_of_tile, runs;  // of an image; across: in a row

  WinogradTiling(const Conv2d& op, int threads)
      : blocks(op),
        chunk(conv2d_cpu_winograd_keeps_taps(op) || op.x.c > kMostAtOnce ? std::min(op.x.c, kWinogradChunk) : op.x.c),
        across(ceil_div(op.y.w, kWinogradOut)),
        patches(across * ceil_div(op.y.h, kWinogradOut)) {
    double least = 0;
    for (int most = blocks.count; most > 0; most /= 2) {
      WinogradTiling tiling = *this;
      tiling.split_blocks(most);
      const int fitting = tiling.fitting_patches(op);
      if (fitting < kLeastPatches) continue;
      const int fewest = ceil_div(patches, fitting);
      const int even = threads / std::gcd(threads, op.y.n * tiling.block_ranges);  // runs, for threads to end together
      for (const int count : {fewest, ceil_div(fewest, even) * even}) {
        tiling.split_patches(count);
        const double cost = tiling.cost(op, threads);
        if (least != 0 && cost >= least) continue;
        least = cost;
        *this = tiling;
      }
    }
  }

  bool one_chunk(const Conv2d& op) const { return chunk == op.x.c; }
  /// What a tile has room for: a pass's points of a chunk of the patches.
  static std::size_t values(int points, int patches, int chunk) {
    return static_cast<std::size_t>(points) * (static_cast<std::size_t>(patches) * chunk + kWinogradPadding);
  }
  /// And of each patch and output channel sums, besides products where these are summed up chunk by chunk.
  int results(const Conv2d& op) const {
    return kWinogradOut * kWinogradOut + (one_chunk(op) ? 0 : winograd_form(op.stride.h).pass_points());
  }

 private:
  static constexpr int kMostAtOnce = 256;
  static constexpr int kLeastPatches = 4;  // hide the latency of a multiply-add

  void split_blocks(int most) {
    blocks_of_tile = ceil_div(blocks.count, ceil_div(blocks.count, most));
    if (blocks_of_tile > 1) blocks_of_tile += blocks_of_tile % 2;  // pairs fill wide vectors
    block_ranges = ceil_div(blocks.count, blocks_of_tile);
  }
  void split_patches(int into) {
    patches_of_tile = ceil_div(patches, into);
    runs = ceil_div(patches, patches_of_tile);
  }
  int fitting_patches(const Conv2d& op) const {
    const int points = winograd_form(op.stride.h).pass_points();
    const int of_patch = points * chunk + kConv2dBlock * blocks_of_tile * results(op);
    return std::min((kWinogradRoom - points * kWinogradPadding) / of_patch, kWinogradProducts / points);
  }
  /// The time that so many threads take, in that of a patch's products with a block: every tile transforms its input,
  /// and reads its weights or transforms them too.
  double cost(const Conv2d& op, int threads) const {
    const double weights =
        (conv2d_cpu_winograd_keeps_taps(op) ? 60.0 : 25.0) / winograd_form(op.stride.h).pass_points();
    const double of_tile = patches_of_tile * blocks_of_tile + weights * blocks_of_tile + 1.1 * patches_of_tile;
    const int tiles = op.y.n * runs * block_ranges;
    return of_tile * ceil_div(tiles, threads);
  }
};

}  // namespace cudet
