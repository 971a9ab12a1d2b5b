// An RGB image in memory.
#pragma once
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "kernels/frame.h"

namespace cudet {

/// RGB image of shape (height, width, 3), 8 bits per channel, rows without padding. Owns its pixels.
struct Image {
  struct Free {
    void operator()(std::uint8_t* p) const { std::free(p); }  // stb allocates with malloc
  };

  int width = 0, height = 0;  // pixels
  std::unique_ptr<std::uint8_t[], Free> pixels;

  Image() = default;
  /// Allocates uninitialised pixels. Throws std::bad_alloc.
  Image(int columns, int rows);

  std::uint8_t* at(int x, int y) { return pixels.get() + (static_cast<std::size_t>(y) * width + x) * 3; }
  const std::uint8_t* at(int x, int y) const { return pixels.get() + (static_cast<std::size_t>(y) * width + x) * 3; }
  Frame frame() const { return {pixels.get(), width, height, std::ptrdiff_t{3} * width, PixelFormat::rgb}; }
};

enum class ImageFormat : unsigned char { jpeg, png, bmp };

}  // namespace cudet
