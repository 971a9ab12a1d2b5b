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
constexpr int kWinogradWeightRows = 3;                                              // of a pass, at the most
struct WinogradForm {
  int in, rows;        // pixels and points along an axis; rows of points of a pass
  int weight_of[9];    // of a kind of point: which of kWinogradSide
  int weight_row[3];   // of a pass: the first of its rows of weights; two passes share that of pixels
  int weight_rows[3];  // and how many

  constexpr int pass_points() const { return rows * in; }
  /// Of a pass's point: which of the pass's weights.
  constexpr int weight(int pass, int point) const {
    return (weight_of[pass * rows + point / in] - weight_row[pass]) * kWinogradSide + weight_of[point % in];
  }
};
constexpr WinogradForm winograd_form(int stride) {
  return stride == 1 ? WinogradForm{6, 2, {0, 1, 2, 3, 4, 5}, {0, 2, 4}, {2, 2, 2}}
                     : WinogradForm{9, 3, {0, 1, 2, 3, 4, 4, 5, 4, 4}, {0, 3, 4}, {3, 2, 2}};
}

constexpr int kWinogradChannels = 16;  // divides C: whole vectors of every instruction set
// With stride 2. Of fewer channels, the transforms take what the products save.
constexpr int kWinogradLeastChannels2 = 32;
constexpr int kWinogradChunk = 64;          // input channels whose weights are transformed at a time
constexpr int kWinogradPadding = 16;        // floats between points, which would else share sets of the cache
constexpr int kWinogradProducts = 27 * 12;  // of a pass and an output channel
// Floats of a tile's values, sums and products: for 25 patches by 160 output channels. The sums, half of it, are only
// touched as a pass ends: what is used over and over fits a second-level cache of 512 KB.
constexpr int kWinogradRoom = (528 << 10) / 4;

/// Whether weights stay taps, which every tile transforms: where transformed ones would be so large that they come from
/// memory. A function of C and K alone.
constexpr bool conv2d_cpu_winograd_keeps_taps(const Conv2d& op) {
  constexpr long long kMany = 8192;  // pairs of channels
  return static_cast<long long>(op.x.c) * op.y.c >= kMany;
}

/// A tile is a run of an image's patches, taken row by row, by a range of blocks of output channels.
struct WinogradTiling {
  Conv2dBlocks blocks;
  int chunk;                                 // input channels that go at a time
  int blocks_of_tile = 1, block_ranges = 1;  // a tile's blocks are even in number, or one
  int across, patches;                       // of an image; across: in a row
  int patches_of_tile = 1, runs = 1;

  WinogradTiling(const Conv2d& op, int threads)
      : blocks(op),
        chunk(conv2d_cpu_winograd_keeps_taps(op) || op.x.c > kMostAtOnce ? std::min(op.x.c, kWinogradChunk) : op.x.c),
        across(ceil_div(op.y.w, kWinogradOut)),
        patches(across * ceil_div(op.y.h, kWinogradOut)) {
    const int points = winograd_form(op.stride.h).pass_points();
    double least = 0;
    for (int most = blocks.count; most > 0; most /= 2) {
      WinogradTiling tiling = *this;
      tiling.split_blocks(most);
      const int fitting = fitting_patches(points, chunk, tiling.blocks_of_tile, one_chunk(op));
      if (fitting < kLeastPatches) continue;
      const int fewest = ceil_div(patches, fitting);
      const int together = threads / std::gcd(threads, op.y.n * tiling.block_ranges);  // runs for which threads end so
      for (const int count : {fewest, ceil_div(fewest, together) * together}) {
        tiling.split_patches(count);
        const double cost = tiling.cost(op, threads);
        if (least != 0 && cost >= least) continue;
        least = cost;
        *this = tiling;
      }
    }
  }

  bool one_chunk(const Conv2d& op) const { return chunk == op.x.c; }
  /// Of a tile's room, floats: first a pass's points of a chunk of the patches, then for each patch and output channel
  /// its sums, then, where these are added up chunk by chunk, products.
  static constexpr int values_floats(int points, int patches, int chunk) {
    return points * (patches * chunk + kWinogradPadding);
  }

 private:
  static constexpr int kMostAtOnce = 256;  // input channels in one chunk: more leave room for few patches
  static constexpr int kLeastPatches = 4;  // hide the latency of a multiply-add
  // Of a tile, in the time of a patch's products with a block at one point: to transform a block's weights or to read
  // them, for a whole pass; to transform a patch of the input, at one point. As perf saw them on Zen 3.
  static constexpr double kTransformedWeights = 60, kReadWeights = 25, kTransformedPatch = 1.1;

  void split_blocks(int most) {
    blocks_of_tile = ceil_div(blocks.count, ceil_div(blocks.count, most));
    if (blocks_of_tile > 1) blocks_of_tile += blocks_of_tile % 2;  // pairs fill wide vectors
    block_ranges = ceil_div(blocks.count, blocks_of_tile);
  }
  void split_patches(int into) {
    patches_of_tile = std::max(ceil_div(patches, into), std::min(patches, kLeastPatches));
    runs = ceil_div(patches, patches_of_tile);
  }
  static constexpr int fitting_patches(int points, int chunk, int blocks, bool one_chunk) {
    const int of_output = kWinogradOut * kWinogradOut + (one_chunk ? 0 : points);
    const int of_patch = points * chunk + kConv2dBlock * blocks * of_output;
    return std::min((kWinogradRoom - points * kWinogradPadding) / of_patch, kWinogradProducts / points);
  }
  /// The time that so many threads take: every tile transforms its input, and reads its weights or transforms them too.
  double cost(const Conv2d& op, int threads) const {
    const double of_pass = conv2d_cpu_winograd_keeps_taps(op) ? kTransformedWeights : kReadWeights;
    const double weights = of_pass / winograd_form(op.stride.h).pass_points();
    const double of_tile =
        patches_of_tile * blocks_of_tile + weights * blocks_of_tile + kTransformedPatch * patches_of_tile;
    const int tiles = op.y.n * runs * block_ranges;
    return of_tile * ceil_div(tiles, threads);
  }

  friend constexpr bool winograd_tiles_fit(int stride);
};

/// Whether a few patches by the fewest blocks always have room.
constexpr bool winograd_tiles_fit(int stride) {
  using T = WinogradTiling;
  const int points = winograd_form(stride).pass_points();
  return T::fitting_patches(points, T::kMostAtOnce, 2, true) >= T::kLeastPatches &&
         T::fitting_patches(points, kWinogradChunk, 2, false) >= T::kLeastPatches;
}
static_assert(winograd_tiles_fit(1) && winograd_tiles_fit(2));

}  // namespace cudet
