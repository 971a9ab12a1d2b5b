// A picture in memory, as cameras, decoders and files give it.
#pragma once
#include <cstddef>
#include <cstdint>

namespace cudet {

/// The order of the 8-bit channels of a pixel; alpha is ignored, grey counts as equal red, green and blue.
enum class PixelFormat : unsigned char { rgb, bgr, rgba, bgra, grey };

/// Channels of a pixel, which are its bytes.
constexpr int channels(PixelFormat format) {
  return format == PixelFormat::grey ? 1 : format == PixelFormat::rgb || format == PixelFormat::bgr ? 3 : 4;
}

/// Plain view of pixels that the caller owns: row y starts at `data + y * stride`.
struct Frame {
  const std::uint8_t* data;
  int width, height;      // pixels
  std::ptrdiff_t stride;  // bytes from one row to the next, at least width * channels(format); negative: bottom up
  PixelFormat format;
};

}  // namespace cudet
