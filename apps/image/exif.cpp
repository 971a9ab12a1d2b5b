#include "apps/image/exif.h"

#include <algorithm>
#include <cstring>

namespace cudet {

int exif_orientation(Bytes tiff) {
  constexpr std::size_t kHeader = 8, kEntry = 12;
  constexpr std::uint32_t kOrientation = 0x112;
  if (tiff.size() < kHeader) return 1;
  const Endian endian = matches(tiff, 0, "II") ? Endian::little : Endian::big;
  if (endian == Endian::big && !matches(tiff, 0, "MM")) return 1;
  if (number(tiff, 2, 2, endian) != 42) return 1;
  const std::size_t directory = number(tiff, 4, 4, endian);
  if (directory > tiff.size() - 2) return 1;
  const std::size_t entries = number(tiff, directory, 2, endian);
  for (std::size_t i = 0; i < entries; ++i) {
    const std::size_t entry = directory + 2 + i * kEntry;
    if (entry + kEntry > tiff.size()) return 1;
    if (number(tiff, entry, 2, endian) != kOrientation) continue;
    // Like OpenCV, do not look at the type and the count.
    const std::uint32_t value = number(tiff, entry + 8, 2, endian);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

Image upright(Image image, int orientation) {
  if (orientation <= 1 || orientation > 8) return image;
  const bool transposed = orientation >= 5;
  Image out(transposed ? image.height : image.width, transposed ? image.width : image.height, image.channels);
  const bool from_right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool from_bottom = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  const auto copy = [&](int x, int y) {  // to (x, y) of the upright image
    const int u = transposed ? y : x, v = transposed ? x : y;
    std::memcpy(out.at(x, y), image.at(from_right ? image.width - 1 - u : u, from_bottom ? image.height - 1 - v : v),
                static_cast<std::size_t>(image.channels));
  };
  constexpr int kTile = 32;  // transposing reads columns: with tiles each cache line is loaded once
  for (int top = 0; top < out.height; top += kTile)
    for (int left = 0; left < out.width; left += kTile)
      for (int y = top; y < std::min(top + kTile, out.height); ++y)
        for (int x = left; x < std::min(left + kTile, out.width); ++x) copy(x, y);
  return out;
}

}  // namespace cudet
