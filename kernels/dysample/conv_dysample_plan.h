// How conv_dysample_cuda divides its work, and the layout of a block's shared memory. Host code, so that the fusion
// pass can test whether the operators fit.
#pragma once
#include "kernels/conv2d/cuda/plan.h"
#include "kernels/dysample/dysample.h"

namespace cudet {

constexpr int kConvDySamplePixels = 64;  // maximum pixels of x per tile
constexpr int kConvDySampleRound = 16;   // pixels per round; their points are in shared memory at the same time

/// A block's shared memory after the convolution; it overwrites the convolution's operands. Offsets are in bytes. A
/// pixel of x has `points` = groups · scale² points.
struct ConvDySampleLayout {
  int offset_pitch;  // floats per pixel: the offsets, and padding so that four consecutive pixels use all banks
  int points_at;     // 16 bytes per point, for two rounds: one is sampled while the next is computed
  int pixels_at;     // 16 bytes per pixel of the tile
  int maps_at;       // 16 bytes per point of a pixel
  int total;

  CUDET_HD constexpr ConvDySampleLayout(int channels_per_block, int points)
      : offset_pitch(channels_per_block + 8),
        points_at(kConvDySamplePixels * offset_pitch * 4),
        pixels_at(points_at + 2 * kConvDySampleRound * points * 16),
        maps_at(pixels_at + kConvDySamplePixels * 16),
        total(maps_at + points * 16) {}
};

struct ConvDySamplePlan {
  Conv2dCudaPlan conv;  // tiles of tile_w consecutive pixels; sums are not split. pixel_blocks 0: x is not aligned
  int points;           // per pixel
  std::size_t shared_bytes;
};
/// Returns the plan for `multiprocessors` multiprocessors. A tile has room for 64 pixels. On a small map it has fewer,
/// at least 4, as long as all blocks are resident at the same time: multiplying padding costs less than idle
/// multiprocessors.
ConvDySamplePlan conv_dysample_plan(const ConvDySample& op, int multiprocessors);

}  // namespace cudet
