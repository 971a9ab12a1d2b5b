// The plan of a convolution on CUDA: which kernel runs it, how its weights are packed, how its work is divided among
// blocks, and the layout of a block's shared memory. Host code without CUDA headers, so that plans can be made and
// tested without CUDA; device code includes it too. "Convolution on CUDA" in kernels/README.md explains the design.
#pragma once
#include <iterator>
#include <string>
#include <type_traits>

#include "kernels/conv2d/conv2d.h"
#include "kernels/error.h"

namespace cudet {

/// The kernels. All except `general` need groups 1, no dilation, and input channels in whole 16-byte vectors, for f16
/// in pairs of vectors: C is a multiple of 16 in f16 and of 4 in f32. Exception: the network's first layer, with C = 3.
enum class Conv2dKind : unsigned char {
  pointwise,        // 1x1, stride 1, no padding: one index counts the pixels of all rows and images
  conv3x3,          // 3x3, stride 1
  conv3x3_stride2,  // 3x3, stride 2; in f32 also for 3 channels in pixels of pitch 4
  stem,  // f16, 3x3, stride 2, padding 1, 3 channels in pixels of pitch 4: computed on pairs of pixels, as 3x2
         // with stride 2, 1
  general
};
Conv2dKind conv2d_cuda_kind(const Conv2d& op);

/// How a kind divides the sum over input channels and taps: into chunks of `planes` 16-byte vectors of `lanes` input
/// channels each, and each chunk into taps. One row of taps of a chunk is a step.
struct Conv2dChunk {
  int lanes, planes;
  int taps_h, taps_w;
};
constexpr Conv2dChunk conv2d_chunk(Type type, Conv2dKind kind) {
  const int lanes = static_cast<int>(16 / size_of(type));
  switch (kind) {
    case Conv2dKind::pointwise:
      return {lanes, 4, 1, 1};
    case Conv2dKind::stem:
      return {lanes, 1, 3, 2};
    default:
      return {lanes, 2, 3, 3};
  }
}

/// The maximum number of input pixels of a patch, a multiple of 128 / planes. A patch is the part of a chunk, with its
/// border, that a tile of 64 · pixel_blocks output pixels reads.
constexpr int conv2d_patch_pixels(Conv2dKind kind, int pixel_blocks) {
  switch (kind) {
    case Conv2dKind::pointwise:
      return 64 * pixel_blocks;
    case Conv2dKind::conv3x3:
      return pixel_blocks == 1 ? 192 : 256;
    case Conv2dKind::stem:
      return 384;
    default:
      return 320;
  }
}

/// The order of packed weights, outermost index first; padding channels have weight 0.
///   fast kinds, f16: channel block, chunk, row of taps, tap, plane, output channel of the block, lane
///   fast kinds, f32: channel block, chunk, row of taps, tap, plane, lane, output channel of the block
///   general:         K, R, S, C/groups
struct Conv2dPacking {
  Conv2dKind kind;
  Type type;
  Conv2dChunk chunk;
  int k, c;                // output channels; input channels of a group
  int taps_h, taps_w;      // R, S of the convolution
  int channels_per_block;  // output channels of a channel block, one of kConv2dBlockWidths
  int channel_blocks, chunks;

  /// Index of the weight of tap (r, s) between two channels.
  CUDET_HD std::size_t index(int output_channel, int r, int s, int input_channel) const {
    if (kind == Conv2dKind::general)
      return ((static_cast<std::size_t>(output_channel) * taps_h + r) * taps_w + s) * c + input_channel;
    int chunk_index = 0, plane = 0, lane;
    if (kind ==
        Conv2dKind::stem) {  // column s - 1 from the first of a pair of pixels: pair (s + 1) / 2, its 8 channels
      lane = (s + 1) % 2 * 4 + input_channel;
      s = (s + 1) / 2;
    } else {
      lane = input_channel % chunk.lanes;
      plane = input_channel / chunk.lanes % chunk.planes;
      chunk_index = input_channel / chunk.lanes / chunk.planes;
    }
    const int block = output_channel / channels_per_block, n = output_channel % channels_per_block;
    const std::size_t vector =
        (((static_cast<std::size_t>(block) * chunks + chunk_index) * chunk.taps_h + r) * chunk.taps_w + s) *
            chunk.planes +
        plane;
    return type == Type::f16 ? (vector * channels_per_block + n) * chunk.lanes + lane
                             : (vector * chunk.lanes + lane) * channels_per_block + n;
  }
  std::size_t elements() const;
};
Conv2dPacking conv2d_packing(const Conv2d& op);

/// A launch: the instance of the kernel, and how blocks share the work. A tile is tile_h x tile_w output pixels by
/// channels_per_block output channels. `splits` blocks share a tile's sum, each with some of the chunks; the last block
/// to finish adds up their sums.
struct Conv2dCudaPlan {
  Conv2dPacking packing;
  int pixel_blocks;      // output pixels that a tile has room for, in units of 64; 0: the general kernel runs
  int tile_h, tile_w;    // output pixels of a tile; pointwise: 1 by 64 · pixel_blocks
  int tiles_y, tiles_x;  // tiles per image; pointwise: 1 by the tiles of all images
  int pixel_tiles;       // tiles of all images, for one channel block
  int patch_pitch;       // input pixels from one row of the patch to the next
  int odd_columns;       // conv3x3_stride2: index of the first odd column in a row, after all even columns
  int splits, chunks_per_split;
  bool y_vectors, residual_vectors;  // 16-byte accesses are possible

  CUDET_HD int tiles() const { return pixel_tiles * packing.channel_blocks; }
  CUDET_HD int blocks() const { return tiles() * splits; }
  /// Bytes of the blocks' shares of sums. 0 without splits.
  std::size_t shares_bytes() const;
  /// Bytes of CudaStream::scratch that a launch needs: counters and shares. 0 without splits.
  std::size_t scratch_bytes() const { return splits < 2 ? 0 : kScratchCounters + shares_bytes(); }
};

/// Default limit of a plan's scratch memory, bytes.
constexpr std::size_t kConv2dScratchLimit = std::size_t{8} << 20;

/// Returns the plan with the minimum estimated time on `multiprocessors` multiprocessors and at most `scratch_limit`
/// bytes of scratch memory. The time of a plan is
///
///   waves · (latency + resident blocks · (max(products / rate, bytes / bandwidth) + epilogue + exchange of splits))
///
/// All values of pixel_blocks, tile_h, tile_w and splits are compared; plan.cpp has the constants. `pixel_blocks` is 0
/// if the alignment of the tensors excludes the fast kernel; the general kernel then runs on the same packed weights.
Conv2dCudaPlan conv2d_cuda_plan(const Conv2d& op, int multiprocessors, std::size_t scratch_limit = kConv2dScratchLimit);

/// Bytes of a block's shared memory; the plan's pixel_blocks is not 0.
std::size_t conv2d_cuda_shared_bytes(const Conv2dCudaPlan& plan);

// ---- Instances of the fast kernels

/// Possible numbers of output channels of a channel block. conv2d_packing() uses the one with the minimum padding of K,
/// the first of equal ones.
constexpr int kConv2dBlockWidths[] = {80, 64, 48, 32, 16};

/// Whether there are instances of this width. f32 needs a power of 2: width / 4 threads span the channels of a channel
/// block, and this number must divide the threads per block.
constexpr bool conv2d_has_width(Type type, int width) {
  return type == Type::f16 || (width & (width - 1)) == 0;
}

/// Whether there are instances for tiles of 64 · pixel_blocks pixels.
constexpr bool conv2d_has_pixel_blocks(Type type, Conv2dKind kind, int pixel_blocks) {
  if (kind == Conv2dKind::stem) return pixel_blocks == 2;
  return pixel_blocks == 1 || (pixel_blocks == 2 && type == Type::f16 && kind != Conv2dKind::conv3x3_stride2);
}

/// Calls f(std::integral_constant<int, width>) for a runtime width. Throws Error if there are no instances of it.
template <Type type, int first = 0, class F>
void conv2d_with_width(int width, F f) {
  if constexpr (first < static_cast<int>(std::size(kConv2dBlockWidths))) {
    constexpr int kWidth = kConv2dBlockWidths[first];
    if constexpr (conv2d_has_width(type, kWidth))
      if (width == kWidth) return f(std::integral_constant<int, kWidth>{});
    return conv2d_with_width<type, first + 1>(width, f);
  } else {
    throw Error("conv2d: no kernel for blocks of " + std::to_string(width) + " channels");
  }
}

/// A block's shared memory; sizes and offsets in bytes. While sums are computed, it holds slots of patches, slots of
/// weights, then three tables with one entry per output pixel (offset in the patch, in y, in the residual; pointwise
/// needs none). Afterwards the outputs overwrite the patches and weights, so that they can be stored in whole vectors.
struct Conv2dSharedLayout {
  int patch_bytes, patch_slots;     // of one chunk
  int weights_bytes;                // of one step; kWeightSlots of them
  int weights_at;                   // after the patches
  int staging_pitch, staging_half;  // f16: from one output pixel to the next; from a pixel's even groups of four
                                    // channels to its odd ones
  int tables_at, total;

  static constexpr int kWeightSlots = 3;

  constexpr Conv2dSharedLayout(Type type, Conv2dKind kind, int pixel_blocks, int channels)
      : patch_bytes(conv2d_chunk(type, kind).planes * conv2d_patch_pixels(kind, pixel_blocks) * 16),
        patch_slots(kind == Conv2dKind::pointwise ? 3
                    : kind == Conv2dKind::stem    ? 1
                                                  : 2),
        weights_bytes(conv2d_chunk(type, kind).taps_w * conv2d_chunk(type, kind).planes * channels * 16),
        weights_at(patch_bytes * patch_slots),
        staging_pitch(0),
        staging_half(0),
        tables_at(weights_at + weights_bytes * kWeightSlots),
        total(0) {
    if (type == Type::f16) {
      // To avoid bank conflicts, the addresses that a quarter warp accesses must differ modulo 16, in units of 8 bytes.
      // So the distance between halves is 2 modulo 4 units. The distance between pixels is 4 modulo 8, or 12 modulo 16
      // if a pixel has 6 vectors, so that the next pixel's vectors follow.
      int half = channels / 4;
      while (half % 4 != 2) ++half;
      int pitch = half + channels / 4;
      while (pitch % 16 != (channels == 48 ? 12 : 4)) ++pitch;
      staging_half = half * 8;
      staging_pitch = pitch * 8;
      const int staging = 4 * 16 * staging_pitch;  // 16 pixels per warp
      if (staging > tables_at) tables_at = staging;
    }
    total = tables_at + (kind == Conv2dKind::pointwise ? 0 : 3 * 64 * pixel_blocks * 4);
  }
};

}  // namespace cudet
