// How conv_dysample_cuda divides its work, and what a block has in shared memory. Host code, so that lowering can ask.
#pragma once
#include "kernels/conv2d/cuda/plan.h"
#include "kernels/dysample/dysample.h"

namespace cudet {

constexpr int kConvDySamplePixels = 64;  // of x, the most that a tile has
constexpr int kConvDySampleRound = 16;   // pixels whose points are in shared memory at a time

/// Bytes; `points` of a pixel are groups · scale². All lies over what the convolution had there.
struct ConvDySampleLayout {
  int offset_pitch;  // floats of a pixel: the offsets, and as many more as let four pixels in a row fill all banks
  int points_at;     // two rounds of points, 16 bytes each: one is sampled while the next one is worked out
  int pixels_at;     // 16 bytes a pixel of the tile
  int maps_at;       // 16 bytes for each point of a pixel
  int total;

  CUDET_HD constexpr ConvDySampleLayout(int channels_of_block, int points)
      : offset_pitch(channels_of_block + 8),
        points_at(kConvDySamplePixels * offset_pitch * 4),
        pixels_at(points_at + 2 * kConvDySampleRound * points * 16),
        maps_at(pixels_at + kConvDySamplePixels * 16),
        total(maps_at + points * 16) {}
};

struct ConvDySamplePlan {
  Conv2dCudaPlan conv;  // tiles of tile_w pixels in a row, sums not split; pixel_blocks 0: x cannot be read in vectors
  int points;           // of a pixel
  std::size_t shared_bytes;
};
/// A tile has room for 64 pixels, but on a small map it takes fewer, down to 4, while the multiprocessors have room for
/// the blocks: products with nothing cost less than multiprocessors without work.
ConvDySamplePlan conv_dysample_plan(const ConvDySample& op, int multiprocessors);

}  // namespace cudet
