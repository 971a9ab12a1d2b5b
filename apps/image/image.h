// An image in memory.
#pragma once
#include <cstdint>
#include <memory>

#include "kernels/frame.h"

namespace cudet {

/// Image of shape (height, width, channels), 8 bits per channel, rows without padding: grey for 1 channel, RGB for 3,
/// BGRA for 4. Owns its pixels.
struct Image {
  int width = 0, height = 0, channels = 3;
  std::unique_ptr<std::uint8_t[]> pixels;

  Image() = default;
  /// Allocates uninitialised pixels. Throws std::bad_alloc.
  Image(int columns, int rows, int count = 3) : width(columns), height(rows), channels(count) {
    pixels = std::make_unique_for_overwrite<std::uint8_t[]>(static_cast<std::size_t>(width) * height * channels);
  }

  std::uint8_t* at(int x, int y) { return pixels.get() + (static_cast<std::size_t>(y) * width + x) * channels; }
  const std::uint8_t* at(int x, int y) const {
    return pixels.get() + (static_cast<std::size_t>(y) * width + x) * channels;
  }
  Frame frame() const {
    const PixelFormat format = channels == 1 ? PixelFormat::grey : channels == 3 ? PixelFormat::rgb : PixelFormat::bgra;
    return {pixels.get(), width, height, std::ptrdiff_t{channels} * width, format};
  }
};

/// Returns the image as RGB: grey is repeated, alpha is dropped. Throws std::bad_alloc.
Image to_rgb(const Image& image);

enum class ImageFormat : unsigned char { jpeg, png, bmp, webp, tiff };

}  // namespace cudet
