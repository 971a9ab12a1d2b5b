// How conv2d_int8_cpu lays out its weights and divides its work: the same for every instruction set.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "kernels/conv2d/cpu/tiling.h"
#include "kernels/conv2d_int8/conv2d_int8.h"

namespace cudet {

// Weights of 16 bits go by pairs, of neighbouring values of the input, in one word: the first is the lower half, as
// values are in memory.

// ---- Direct. Packed: multiplier of each output channel (f32; whole blocks), then weights: block, R, run, pair of the
// run's values, channel of the block.

/// Where pixels are dense, the taps of a kernel's row are one run of channels; else each tap is a run.
struct Int8Runs {
  int of_row, values, pairs;  // of a run; an odd one's last pair is filled up with a weight of zero
  std::size_t block_pairs;    // of a block of output channels

  explicit Int8Runs(const Conv2d& conv) {
    const bool dense = conv.groups == 1 && conv.dilation.w == 1;
    of_row = dense ? 1 : conv.kernel.w;
    values = conv.x.c / conv.groups * (dense ? conv.kernel.w : 1);
    pairs = ceil_div(values, 2);
    block_pairs = static_cast<std::size_t>(conv.kernel.h) * of_row * pairs * kConv2dBlock;
  }
};

/// A tile is a rectangle of an image's output pixels by a range of blocks of output channels. Its patch of the input is
/// widened to 16 bits first: rows, columns, C.
struct Int8Tiling {
  static constexpr int kPatchValues = 48 << 10;  // at the most; they stay in the second-level cache

  Conv2dBlocks blocks;
  Int8Runs runs;
  int blocks_of_tile, block_ranges;  // as Conv2dTiling has them
  Extent pixels;                     // of a tile
  Extent tiles;                      // of an image

  explicit Int8Tiling(const Conv2d& conv) : blocks(conv), runs(conv) {
    const std::size_t kept = std::max<std::size_t>(kWeightBytes / (runs.block_pairs * sizeof(std::int32_t)), 1);
    blocks_of_tile = static_cast<int>(std::min(kept, static_cast<std::size_t>(blocks.count)));
    block_ranges = ceil_div(blocks.count, blocks_of_tile);
    blocks_of_tile = ceil_div(blocks.count, block_ranges);
    if (blocks_of_tile > 1) blocks_of_tile += blocks_of_tile % 2;  // pairs fill wide vectors
    block_ranges = ceil_div(blocks.count, blocks_of_tile);

    // Few pixels a tile where a layer is small, so that the threads end together.
    const double work_of_pixel = (blocks.depth + kEpilogue) * kConv2dBlock * blocks_of_tile;
    const double image = static_cast<double>(conv.y.h) * conv.y.w;
    const int most = static_cast<int>(std::clamp(
        std::min(kWork / work_of_pixel, image * block_ranges * conv.y.n / kTiles), static_cast<double>(kStep), 1e6));
    pixels.h = 1;
    pixels.w = std::min(conv.y.w, ceil_div(most, kStep) * kStep);
    while (pixels.w > 1 && patch_values(conv, pixels) > kPatchValues)
      pixels.w = pixels.w > 2 * kStep ? pixels.w - kStep : pixels.w / 2;
    pixels.w = ceil_div(conv.y.w, ceil_div(conv.y.w, pixels.w));
    if (pixels.w < conv.y.w) pixels.w = std::min(conv.y.w, ceil_div(pixels.w, kWhole) * kWhole);
    while (pixels.w > 1 && patch_values(conv, pixels) > kPatchValues) --pixels.w;
    while (pixels.w == conv.y.w && pixels.h < conv.y.h && (pixels.h + 1) * pixels.w <= most &&
           patch_values(conv, {pixels.h + 1, pixels.w}) <= kPatchValues)
      ++pixels.h;
    tiles = {ceil_div(conv.y.h, pixels.h), ceil_div(conv.y.w, pixels.w)};
  }

  /// Of the input that so many output pixels read.
  static Extent patch(const Conv2d& conv, Extent output) {
    return {(output.h - 1) * conv.stride.h + (conv.kernel.h - 1) * conv.dilation.h + 1,
            (output.w - 1) * conv.stride.w + (conv.kernel.w - 1) * conv.dilation.w + 1};
  }
  static double patch_values(const Conv2d& conv, Extent output) {
    const Extent read = patch(conv, output);
    return static_cast<double>(read.h) * read.w * conv.x.c;
  }

 private:
  static constexpr std::size_t kWeightBytes = 160 << 10;
  static constexpr int kWhole = 6, kStep = 24;  // pixels: register tiles of AVX2, of every instruction set
  static constexpr double kWork = 6e6;          // multiply-adds of a tile: some 80 µs
  static constexpr double kEpilogue = 60;       // multiply-adds that cost as much as an output's SiLU and store
  static constexpr double kTiles = 16;          // to have, if a layer is small
};

/// A pointwise convolution's image as one row: its rows and their ends mean nothing. Others as they are.
inline Conv2dInt8 int8_as_row(Conv2dInt8 op) {
  constexpr Extent kOne{1, 1}, kNone{0, 0};
  Conv2d& conv = op.conv;
  if (conv.kernel == kOne && conv.stride == kOne && conv.pad == kNone)
    for (Tensor* t : {&conv.x, &conv.y, &conv.residual})
      *t = {t->space, t->type, t->offset, t->n, 1, t->h * t->w, t->c, t->pitch};
  return op;
}

// ---- Winograd. Packed: multipliers (f32) of block, point, channel of the block; then weights: block, point, pair of
// input channels, channel of the block.

constexpr int kInt8WinogradIn = 6, kInt8WinogradPoints = kInt8WinogradIn * kInt8WinogradIn;  // of F(4×4, 3×3)

/// Of a block of output channels.
inline std::size_t int8_winograd_block_pairs(const Conv2d& conv) {
  return static_cast<std::size_t>(kInt8WinogradPoints) * conv.x.c / 2 * kConv2dBlock;
}

/// A tile is a run of an image's patches, taken row by row, by all blocks or a range of them.
struct Int8WinogradTiling {
  static constexpr int kMostChannels = 512, kMostPatches = 24;
  static constexpr int kValueShorts = 96 << 10;  // of a tile's transformed input at the most

  Conv2dBlocks blocks;
  int blocks_of_tile, block_ranges;
  int across, patches, patches_of_tile, runs;  // of an image; across: in a row
  std::size_t block_pairs;

  explicit Int8WinogradTiling(const Conv2d& conv)
      : blocks(conv),
        across(ceil_div(conv.y.w, kWinogradOut)),
        patches(across * ceil_div(conv.y.h, kWinogradOut)),
        block_pairs(int8_winograd_block_pairs(conv)) {
    patches_of_tile = std::clamp(kValueShorts / (kInt8WinogradPoints * conv.x.c), 1, kMostPatches);
    runs = ceil_div(patches, patches_of_tile);
    if (runs * conv.y.n < kTiles)
      runs = std::max(runs, std::min(ceil_div(patches, kLeastPatches), ceil_div(kTiles, conv.y.n)));
    patches_of_tile = ceil_div(patches, runs);
    runs = ceil_div(patches, patches_of_tile);
    // Every range transforms the input anew.
    block_ranges = std::clamp(ceil_div(kTiles, runs * conv.y.n), 1, ceil_div(blocks.count, kLeastBlocks));
    blocks_of_tile = ceil_div(blocks.count, block_ranges);
    if (blocks_of_tile > 1) blocks_of_tile += blocks_of_tile % 2;
    block_ranges = ceil_div(blocks.count, blocks_of_tile);
  }

 private:
  static constexpr int kTiles = 8, kLeastPatches = 12, kLeastBlocks = 4;
};

static_assert(kInt8WinogradPoints * Int8WinogradTiling::kMostChannels <= Int8WinogradTiling::kValueShorts,
              "a patch of the most channels has room");

}  // namespace cudet
