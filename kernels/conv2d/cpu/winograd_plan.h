// How the Winograd kernel transforms and divides a convolution. Lavin and Gray, "Fast Algorithms for Convolutional
// Neural Networks", 2015.
//
// A patch of 4×4 output pixels is computed from a square of input pixels. Transforms along both axes convert the square
// to the same number of values, its points, and the kernel to weights for them. The product of a point and its weight
// is summed over the input channels. A last transform converts the sums at all points to the 16 outputs. Along one axis
// (winograd_transforms-inl.h):
//
// - stride 1, F(4, 3): 6 pixels give 6 points. A patch takes 36 products per pair of channels; the plain sum takes 144.
// - stride 2: 9 pixels give 9 points, four of which are pixels that only the kernel's middle tap reads. A patch takes
//   81 products.
//
// These four points have the same weight, so both variants have 6 weights along an axis and 36 in total.
//
// A patch's points take more memory than its outputs. The kernel therefore makes three passes over a tile's patches,
// and computes a third of the rows of points in each.
#pragma once
#include <cstddef>

#include "kernels/conv2d/cpu/blocks.h"

namespace cudet {

constexpr int kWinogradOut = 4;  // output pixels of a patch along an axis
constexpr int kWinogradPasses = 3;
constexpr int kWinogradSide = 6, kWinogradWeights = kWinogradSide * kWinogradSide;  // transformed weights
constexpr int kWinogradWeightRows = 3;                                              // maximum per pass

/// The transforms' dimensions for one stride.
struct WinogradVariant {
  int in;               // input pixels, and points, along an axis
  int rows;             // rows of points per pass
  int weight_index[9];  // of each row, and column, of points: which of the kWinogradSide weights along the axis
  int weight_row[3];    // of each pass: its first row of weights. Two passes share the row of the middle tap
  int weight_rows[3];   // of each pass: how many

  constexpr int points_per_pass() const { return rows * in; }
  /// Index of a point's weight among the weights of its pass.
  constexpr int weight(int pass, int point) const {
    return (weight_index[pass * rows + point / in] - weight_row[pass]) * kWinogradSide + weight_index[point % in];
  }
};
constexpr WinogradVariant winograd_variant(int stride) {
  return stride == 1 ? WinogradVariant{6, 2, {0, 1, 2, 3, 4, 5}, {0, 2, 4}, {2, 2, 2}}
                     : WinogradVariant{9, 3, {0, 1, 2, 3, 4, 4, 5, 4, 4}, {0, 3, 4}, {3, 2, 2}};
}

constexpr int kWinogradChannels = 16;       // divides C: whole vectors of every instruction set
constexpr int kWinogradChunk = 64;          // input channels whose weights are transformed at a time
constexpr int kWinogradPadding = 16;        // floats between points, so that they do not share sets of the cache
constexpr int kWinogradProducts = 27 * 12;  // maximum products of a tile per pass and output channel
// Floats of a tile's values, sums and products: enough for 25 patches by 160 output channels. The sums are half of them
// and are accessed only at the end of a pass; the other half, which is reused often, fits a second-level cache of 512
// KB.
constexpr int kWinogradRoom = (528 << 10) / 4;

/// Whether the packed weights are the plain taps, which every tile transforms. True if the transformed weights would be
/// too large for the caches and would be read from memory. Depends only on C and K.
constexpr bool winograd_keeps_taps(const Conv2d& op) {
  constexpr long long kManyPairs = 8192;  // of input and output channels
  return static_cast<long long>(op.x.c) * op.y.c >= kManyPairs;
}

/// The kernel's division: a tile is a run of an image's patches, in row-major order, by a range of blocks of output
/// channels.
struct Conv2dWinogradPlan {
  Conv2dBlocks blocks;
  BlockRanges ranges;
  int chunk;                   // input channels that a tile transforms and multiplies at a time
  int patches_per_row;         // of an image
  int patches;                 // of an image
  int patches_per_tile, runs;  // runs: tiles per image and range

  bool one_chunk(const Conv2d& op) const { return chunk == op.x.c; }
};

/// Returns the plan with the minimum estimated time on `threads` threads.
Conv2dWinogradPlan winograd_plan(const Conv2d& op, int threads);

/// Floats of a tile's values: a pass's points of one chunk of channels of each patch. The tile's memory starts with
/// them. The sums of each patch and output channel follow, and then, if there are several chunks, the products, which
/// are accumulated chunk by chunk.
constexpr int winograd_values(int points, int patches, int chunk) {
  return points * (patches * chunk + kWinogradPadding);
}

}  // namespace cudet
