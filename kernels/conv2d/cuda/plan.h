// How conv2d_cuda lays out its weights and divides its work. Host code, so that everything here can be known, tested
// and counted where there is no CUDA.
#pragma once
#include "kernels/conv2d/conv2d.h"

namespace cudet {

/// What the fast kernels know how to do; all else is `general`. Each wants groups 1, no dilation, and whole 16-byte
/// vectors of channels in pairs (f16: C a multiple of 16; f32: of 4, or the stem's 3).
enum class Conv2dKind : unsigned char {
  pointwise,      // 1x1, stride 1, no padding: pixels count on through rows and images
  three,          // 3x3, stride 1
  three_stride2,  // 3x3, stride 2; f32: 3 channels too, in pixels of pitch 4
  stem,  // f16: 3x3, stride 2, padding 1 on 3 channels in pixels of pitch 4: on pairs of pixels, 3x2 with stride 2, 1
  general
};
Conv2dKind conv2d_cuda_kind(const Conv2d& op);

/// A kind's view of the sum: channels go by chunks of `planes` vectors of `lanes` elements, 16 bytes each; a chunk is
/// summed tap by tap.
struct Conv2dForm {
  int lanes, planes;
  int taps_h, taps_w;
};
constexpr Conv2dForm conv2d_form(Type type, Conv2dKind kind) {
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

/// The most pixels of input that a block holds of a chunk, a multiple of 128 / planes: of a tile of 64 · pixel_blocks
/// output pixels with its border.
constexpr int conv2d_patch(Conv2dKind kind, int pixel_blocks) {
  switch (kind) {
    case Conv2dKind::pointwise:
      return 64 * pixel_blocks;
    case Conv2dKind::three:
      return pixel_blocks == 1 ? 192 : 256;
    case Conv2dKind::stem:
      return 384;
    default:
      return 320;
  }
}

/// Where weights lie, packed. Fast kinds: block of output channels, chunk, tap, plane, then f16: channel of the block,
/// lane; f32: lane, channel of the block. Padding channels are 0. General: K, R, S, C/groups.
struct Conv2dPacking {
  Conv2dKind kind;
  Type type;
  Conv2dForm form;
  int k, c;               // output channels; input channels of a group
  int taps_h, taps_w;     // R, S as the convolution has them
  int channels_of_block;  // output channels
  int blocks, chunks;

  CUDET_HD std::size_t index(int of_k, int r, int s, int of_c) const {
    if (kind == Conv2dKind::general) return ((static_cast<std::size_t>(of_k) * taps_h + r) * taps_w + s) * c + of_c;
    int chunk = 0, plane = 0, lane;
    if (kind == Conv2dKind::stem) {  // pixels s - 1, counted from a pair's first one: pair (s + 1) / 2, its 8 channels
      lane = (s + 1) % 2 * 4 + of_c;
      s = (s + 1) / 2;
    } else {
      lane = of_c % form.lanes;
      plane = of_c / form.lanes % form.planes;
      chunk = of_c / form.lanes / form.planes;
    }
    const int block = of_k / channels_of_block, n = of_k % channels_of_block;
    const std::size_t at =
        (((static_cast<std::size_t>(block) * chunks + chunk) * form.taps_h + r) * form.taps_w + s) * form.planes +
        plane;
    return type == Type::f16 ? (at * channels_of_block + n) * form.lanes + lane
                             : (at * form.lanes + lane) * channels_of_block + n;
  }
  std::size_t elements() const;
};
Conv2dPacking conv2d_packing(const Conv2d& op);

/// A launch: which instance of the kernel, and how its blocks share the work. A tile is tile_h x tile_w output pixels
/// by channels_of_block output channels; `splits` blocks share its sum by chunks and the last one to come adds up.
struct Conv2dCudaPlan {
  Conv2dPacking packing;
  int pixel_blocks;      // a block's 64s of output pixels
  int tile_h, tile_w;    // output pixels; pointwise: 1 by 64 · pixel_blocks
  int tiles_y, tiles_x;  // of an image; pointwise: 1 by those of all images
  int pixel_tiles;       // of all images
  int patch_pitch;       // pixels of input from one row of the patch to the next
  int odd_columns;       // three_stride2: where in a row the odd columns start, the even ones come first
  int splits, chunks_of_split;
  bool y_vectors, residual_vectors;  // 16-byte accesses are possible

  CUDET_HD int tiles() const { return pixel_tiles * packing.blocks; }
  CUDET_HD int blocks() const { return tiles() * splits; }
};

/// The plan of least estimated time on so many multiprocessors with so much scratch memory (CudaStream):
///
///   waves · (latency + resident blocks · (max(products / rate, bytes / bandwidth) + epilogue + exchange of splits))
///
/// over all choices of pixel_blocks, tile_h, tile_w and splits; the constants are in cuda_plan.cpp. `pixel_blocks` 0
/// where the tensors' places do not allow the fast kernel: the general one runs then, on weights as `packing` has them.
Conv2dCudaPlan conv2d_cuda_plan(const Conv2d& op, int multiprocessors, std::size_t scratch_bytes);

/// Bytes of a block's shared memory.
std::size_t conv2d_cuda_shared_bytes(const Conv2dCudaPlan& plan);

}  // namespace cudet
