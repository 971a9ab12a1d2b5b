#include "apps/image/bmp.h"

#include <array>
#include <bit>
#include <cstdlib>

#include "kernels/error.h"

namespace cudet {
namespace {

/// Bit mask of one channel in a pixel.
struct Mask {
  std::uint32_t bits;

  /// The channel's value; its highest bit becomes bit 7.
  std::uint8_t extract(std::uint32_t pixel) const {
    const int top = std::bit_width(bits);
    const std::uint32_t value = pixel & bits;
    return static_cast<std::uint8_t>(top > 8 ? value >> (top - 8) : value << (8 - top));
  }
};

struct BmpHeader {
  std::size_t pixels, palette;       // offsets in the file, bytes
  int width, height, bits, colours;  // bits: per pixel; colours: number of palette entries
  int colour_bytes;                  // bytes per palette entry: blue, green, red
  bool top_down;
  Mask red, green, blue;

  std::size_t row_bytes() const { return (static_cast<std::size_t>(width) * bits + 31) / 32 * 4; }
};

BmpHeader read_header(Bytes file, const std::string& name) {
  const auto at = [&](std::size_t offset, int size) { return number(file, offset, size, Endian::little); };
  constexpr std::size_t kFileHeader = 14, kCore = 12, kInfo = 40, kMaskEnd = 66;
  constexpr std::uint32_t kPlain = 0, kMasks = 3, kMasksWithAlpha = 6;
  if (file.size() < kFileHeader + kCore) throw Error(name + ": the BMP is truncated");
  BmpHeader header{};
  header.pixels = at(10, 4);
  const std::size_t size = at(14, 4);
  if (size != kCore && (size < kInfo || size > 1024))
    throw Error(name + ": unknown BMP version: save it in another format");
  if (file.size() - kFileHeader < size) throw Error(name + ": the BMP is truncated");

  const bool core = size == kCore;
  const int field = core ? 2 : 4;
  const auto width = core ? static_cast<std::int32_t>(at(18, 2)) : static_cast<std::int32_t>(at(18, 4));
  const auto height = core ? static_cast<std::int32_t>(at(20, 2)) : static_cast<std::int32_t>(at(22, 4));
  if (width <= 0 || height == 0 || height == INT32_MIN)
    throw Error(name + ": invalid BMP: width or height is not positive");
  header.width = width;
  header.height = std::abs(height);
  header.top_down = height < 0;
  header.bits = static_cast<int>(at(18 + 2 * field + 2, 2));

  const std::uint32_t compression = core ? kPlain : at(30, 4);
  const bool masks = compression == kMasks || compression == kMasksWithAlpha;
  if (compression == 1 || compression == 2)
    throw Error(name + ": run-length encoded BMP is not supported: save it uncompressed");
  if (compression != kPlain && !(masks && (header.bits == 16 || header.bits == 32)))
    throw Error(name + ": unknown BMP compression: save it uncompressed");

  header.palette = kFileHeader + size;
  if (header.bits == 16) {
    header.red = {0x7c00}, header.green = {0x3e0}, header.blue = {0x1f};
  } else {
    header.red = {0xff0000}, header.green = {0xff00}, header.blue = {0xff};
  }
  if (masks) {
    if (file.size() < kMaskEnd) throw Error(name + ": the BMP is truncated");
    header.red = {at(54, 4)}, header.green = {at(58, 4)}, header.blue = {at(62, 4)};
  }
  if (header.bits == 1 || header.bits == 4 || header.bits == 8) {
    header.colour_bytes = core ? 3 : 4;
    const std::uint32_t used = core ? 0 : at(46, 4), all = 1u << header.bits;
    header.colours = static_cast<int>(used == 0 || used > all ? all : used);
  } else if (header.bits != 16 && header.bits != 24 && header.bits != 32) {
    throw Error(name + ": BMP with " + std::to_string(header.bits) +
                " bits per pixel is not supported: save it with 24");
  }
  return header;
}

using Colour = std::array<std::uint8_t, 3>;

/// Returns 256 entries; entries that are not in the file are black.
std::array<Colour, 256> read_palette(Bytes file, const BmpHeader& header, const std::string& name) {
  std::array<Colour, 256> palette{};
  const std::size_t bytes = static_cast<std::size_t>(header.colours) * header.colour_bytes;
  if (header.palette > file.size() || bytes > file.size() - header.palette)
    throw Error(name + ": the BMP is truncated");
  for (int i = 0; i < header.colours; ++i)
    for (int k = 0; k < 3; ++k)
      palette[i][2 - k] = std::to_integer<std::uint8_t>(file[header.palette + i * header.colour_bytes + k]);
  return palette;
}

void decode_row(const std::uint8_t* row, const BmpHeader& header, const std::array<Colour, 256>& palette,
                std::uint8_t* out) {
  for (int x = 0; x < header.width; ++x, out += 3) {
    if (header.bits <= 8) {
      const int bit = x * header.bits % 8, index = row[static_cast<std::size_t>(x) * header.bits / 8];
      const Colour& colour = palette[index >> (8 - header.bits - bit) & ((1 << header.bits) - 1)];
      out[0] = colour[0], out[1] = colour[1], out[2] = colour[2];
      continue;
    }
    const int bytes = header.bits / 8;
    std::uint32_t pixel = 0;
    for (int k = 0; k < bytes; ++k) pixel |= std::uint32_t{row[static_cast<std::size_t>(x) * bytes + k]} << 8 * k;
    out[0] = header.red.extract(pixel), out[1] = header.green.extract(pixel), out[2] = header.blue.extract(pixel);
  }
}

}  // namespace

Image decode_bmp(Bytes file, const std::string& name, std::size_t max_pixels) {
  const BmpHeader header = read_header(file, name);
  const std::string size = std::to_string(header.width) + "x" + std::to_string(header.height);
  const std::size_t rows = header.height;
  if (header.pixels > file.size() || (file.size() - header.pixels) / rows < header.row_bytes())
    throw Error(name + ": the BMP header says " + size + " pixels, but the file is too short");
  if (static_cast<std::size_t>(header.width) > max_pixels / rows)
    throw Error(name + ": " + size + " pixels exceed --max-pixels");
  const std::array<Colour, 256> palette =
      header.bits <= 8 ? read_palette(file, header, name) : std::array<Colour, 256>{};
  Image image(header.width, header.height);
  const auto* data = reinterpret_cast<const std::uint8_t*>(file.data()) + header.pixels;
  for (int y = 0; y < header.height; ++y)
    decode_row(data + header.row_bytes() * y, header, palette,
               image.at(0, header.top_down ? y : header.height - 1 - y));
  return image;
}

}  // namespace cudet
