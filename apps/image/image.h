// A picture in memory as the applications pass it on.
#pragma once
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "kernels/frame.h"

namespace cudet {

/// height, width, 3: RGB, 8 bits a channel, rows without gaps. Owns its pixels.
struct Image {
  struct Free {
    void operator()(std::uint8_t* p) const { std::free(p); }  // decoders in C allocate them
  };

  int width = 0, height = 0;  // pixels
  std::unique_ptr<std::uint8_t[], Free> pixels;

  Image() = default;
  /// Pixels of any value. Throws std::bad_alloc.
  Image(int columns, int rows);

  std::uint8_t* at(int x, int y) { return pixels.get() + (static_cast<std::size_t>(y) * width + x) * 3; }
  const std::uint8_t* at(int x, int y) const { return pixels.get() + (static_cast<std::size_t>(y) * width + x) * 3; }
  Frame frame() const { return {pixels.get(), width, height, std::ptrdiff_t{3} * width, PixelFormat::rgb}; }
};

enum class ImageFormat : unsigned char { jpeg, png, bmp };

}  // namespace cudet
