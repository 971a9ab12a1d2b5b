// A block's shared memory, and which instances of the kernel there are: host and device agree here.
#pragma once
#include <string>
#include <type_traits>

#include "kernels/conv2d/cuda/plan.h"
#include "kernels/error.h"

namespace cudet {

/// Whether the kernel is built for tiles of 64 · pixel_blocks pixels.
constexpr bool conv2d_has_instance(Type type, Conv2dKind kind, int pixel_blocks) {
  if (kind == Conv2dKind::stem) return pixel_blocks == 2;
  return pixel_blocks == 1 || (pixel_blocks == 2 && type == Type::f16 && kind != Conv2dKind::three_stride2);
}

/// Calls f(std::integral_constant<int, width>) for a block's output channels. Throws Error where no kernel is built for
/// them.
template <Type type, class F>
void conv2d_with_width(int channels, F f) {
  switch (channels) {
    case 16:
      return f(std::integral_constant<int, 16>{});
    case 32:
      return f(std::integral_constant<int, 32>{});
    case 64:
      return f(std::integral_constant<int, 64>{});
  }
  if constexpr (type == Type::f16) {
    if (channels == 48) return f(std::integral_constant<int, 48>{});
    if (channels == 80) return f(std::integral_constant<int, 80>{});
  }
  throw Error("conv2d: no kernel for blocks of " + std::to_string(channels) + " channels");
}

/// Bytes. First patches and weights of the steps under way; once all is summed, the outputs on their way to be stored
/// as vectors lie over them. Behind both three tables of a tile's pixels: where in the patch, in y and in the residual.
struct Conv2dLayout {
  int patch, patches;  // of a chunk; how many are under way
  int weights;         // of a chunk's row of taps; kWeightSlots are under way
  int weights_at;      // behind the patches
  int staging_pitch,
      staging_half;  // f16: of an output pixel, four channels by four, the even fours before the odd ones
  int tables_at, total;

  static constexpr int kWeightSlots = 3;

  constexpr Conv2dLayout(Type type, Conv2dKind kind, int pixel_blocks, int channels)
      : patch(conv2d_form(type, kind).planes * conv2d_patch(kind, pixel_blocks) * 16),
        patches(kind == Conv2dKind::pointwise ? 3
                : kind == Conv2dKind::stem    ? 1
                                              : 2),
        weights(conv2d_form(type, kind).taps_w * conv2d_form(type, kind).planes * channels * 16),
        weights_at(patch * patches),
        staging_pitch(0),
        staging_half(0),
        tables_at(weights_at + weights * kWeightSlots),
        total(0) {
    if (type == Type::f16) {
      // In units of 8 bytes, what a quarter of a warp writes or reads must differ modulo 16: halves apart by 2 modulo
      // 4, pixels by 4 modulo 8, or by 12 modulo 16 where a pixel's vectors are 6, so that the next pixel's follow.
      int half = channels / 4;
      while (half % 4 != 2) ++half;
      int pitch = half + channels / 4;
      while (pitch % 16 != (channels == 48 ? 12 : 4)) ++pitch;
      staging_half = half * 8;
      staging_pitch = pitch * 8;
      const int staging = 4 * 16 * staging_pitch;  // a warp's 16 pixels
      if (staging > tables_at) tables_at = staging;
    }
    total = tables_at + (kind == Conv2dKind::pointwise ? 0 : 3 * 64 * pixel_blocks * 4);
  }
};

}  // namespace cudet
