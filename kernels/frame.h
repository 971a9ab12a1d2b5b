// An image in memory, as cameras, decoders and files deliver it.
#pragma once
#include <cstddef>
#include <cstdint>

namespace cudet {

/// The order of the 8-bit channels of a pixel. For networks with an input of 3 channels, alpha is ignored, and grey
/// means equal red, green and blue. Networks of one channel read grey, those of 4 bgra with its alpha. interleaved: as
/// many channels as the network's input has, in its order. nv12: luma, one byte per pixel, and in a separate plane a
/// pair Cb, Cr for every 2x2 pixels (BT.601, 16..235).
enum class PixelFormat : unsigned char { rgb, bgr, rgba, bgra, grey, nv12, interleaved };

/// Channels per pixel, one byte each; for nv12, those of the luma plane. Not for interleaved.
constexpr int channels(PixelFormat format) {
  switch (format) {
    case PixelFormat::grey:
    case PixelFormat::nv12:
      return 1;
    case PixelFormat::rgb:
    case PixelFormat::bgr:
      return 3;
    default:
      return 4;
  }
}

/// A view of pixels that the caller owns: row y starts at `data + y * stride`.
struct Frame {
  const std::uint8_t* data;
  int width, height;      // pixels
  std::ptrdiff_t stride;  // bytes from one row to the next, at least width * channels; negative: bottom up
  PixelFormat format;
  /// nv12: the pairs, (width + 1) / 2 per row; row y / 2 starts at `chroma + y / 2 * stride`. Null means data + height
  /// * stride, which a negative stride does not allow.
  const std::uint8_t* chroma = nullptr;
  bool on_device = false;  // the pointers refer to the CUDA device's memory
  int count = 0;           // interleaved: channels per pixel
};

/// Channels per pixel, one byte each; for nv12, those of the luma plane.
constexpr int channels(const Frame& frame) {
  return frame.format == PixelFormat::interleaved ? frame.count : channels(frame.format);
}

}  // namespace cudet
