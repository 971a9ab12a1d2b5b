// An image for tests, in memory of its own.
#pragma once
#include <random>
#include <utility>
#include <vector>

#include "kernels/frame.h"

namespace cudet::test {

/// An image in one of the layouts that a Frame allows: `spare` bytes of padding after each row, stored top down or
/// bottom up. nv12: an odd width is padded to whole chroma pairs; the chroma plane follows the luma plane.
struct Picture {
  Picture(int width, int height, PixelFormat format, int spare, bool bottom_up) {
    const bool nv12 = format == PixelFormat::nv12;
    const std::ptrdiff_t row = std::ptrdiff_t{nv12 ? (width + 1) / 2 * 2 : width} * channels(format) + spare;
    const std::ptrdiff_t chroma_rows = nv12 ? (height + 1) / 2 : 0;
    bytes.resize(static_cast<std::size_t>(row * (height + chroma_rows)));
    const std::uint8_t* chroma = bytes.data() + row * height;
    frame = {bytes.data(), width, height, row, format, nv12 ? chroma : nullptr};
    if (bottom_up) {
      frame.stride = -row;
      frame.data += row * (height - 1);
      if (nv12) frame.chroma += row * (chroma_rows - 1);
    }
  }
  Picture(Picture&&) = default;
  Picture(const Picture&) = delete;  // the frame points into the bytes
  Picture& operator=(const Picture&) = delete;

  std::vector<std::uint8_t> bytes;
  Frame frame;
};

inline Picture random_picture(int width, int height, PixelFormat format, int spare, bool bottom_up, unsigned seed) {
  Picture picture(width, height, format, spare, bottom_up);
  std::mt19937 random(seed);
  for (std::uint8_t& byte : picture.bytes) byte = static_cast<std::uint8_t>(random());
  return picture;
}

}  // namespace cudet::test
