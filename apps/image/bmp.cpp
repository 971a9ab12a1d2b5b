// Decodes Windows bitmaps. Channels of 5 and 6 bits in pixels of 16 bits are shifted to the high bits of 8, and
// channels of other than 8 bits in pixels of 32 bits are scaled, as OpenCV does.
#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>

#include "apps/image/decoders.h"
#include "kernels/error.h"

namespace cudet {
namespace {

/// Bit mask of one channel in a pixel.
struct Mask {
  std::uint32_t bits;
  float scale = 0;  // from the bits, as a number, to 0..255; 0: the highest bit becomes bit 7

  static Mask scaled(std::uint32_t bits) {
    return {bits, bits != 0 ? 255 / static_cast<float>(bits >> std::countr_zero(bits)) : 0};
  }
  bool is_contiguous() const { return bits != 0 && std::has_single_bit((bits >> std::countr_zero(bits)) + 1ull); }

  /// The channel's value.
  std::uint8_t extract(std::uint32_t pixel) const {
    const int top = std::bit_width(bits);
    const std::uint32_t value = pixel & bits;
    if (scale > 0) return static_cast<std::uint8_t>(static_cast<float>(value >> std::countr_zero(bits)) * scale);
    return static_cast<std::uint8_t>(top > 8 ? value >> (top - 8) : value << (8 - top));
  }
};

struct BmpHeader {
  std::size_t pixels, palette;       // offsets in the file, bytes
  int width, height, bits, colours;  // bits: per pixel; colours: number of palette entries
  int colour_bytes;                  // bytes per palette entry: blue, green, red
  bool top_down, run_lengths, masks;
  Mask red, green, blue, alpha;

  std::size_t row_bytes() const { return (static_cast<std::size_t>(width) * bits + 31) / 32 * 4; }
};

/// Reads the channels' masks, which are after the first 40 bytes of the header.
void read_masks(Bytes file, bool has_alpha, BmpHeader& header, const std::string& name) {
  const auto at = [&](std::size_t offset) { return number(file, offset, 4, Endian::little); };
  constexpr std::size_t kRed = 54, kGreen = 58, kBlue = 62, kAlpha = 66;
  if (file.size() < kAlpha) throw Error(name + ": the BMP is truncated");
  const std::uint32_t red = at(kRed), green = at(kGreen), blue = at(kBlue);
  if (header.bits == 16) {
    const bool five = red == 0x7c00 && green == 0x3e0, six = red == 0xf800 && green == 0x7e0;
    if (!(five || six) || blue != 0x1f)
      throw Error(name + ": BMP with 16 bits in other channels than 5-5-5 or 5-6-5 is not supported: save it with 24");
    header.red = {red}, header.green = {green}, header.blue = {blue};
    return;
  }
  header.red = Mask::scaled(red), header.green = Mask::scaled(green), header.blue = Mask::scaled(blue);
  for (const Mask& mask : {header.red, header.green, header.blue})
    if (!mask.is_contiguous()) throw Error(name + ": invalid BMP: the bits of a channel are not contiguous");
  if (has_alpha && file.size() >= kAlpha + 4) header.alpha = Mask::scaled(at(kAlpha));
}

BmpHeader read_header(Bytes file, const std::string& name) {
  const auto at = [&](std::size_t offset, int size) { return number(file, offset, size, Endian::little); };
  constexpr std::size_t kFileHeader = 14, kCore = 12, kWithAlpha = 56;
  constexpr std::array<std::size_t, 7> kSizes{kCore, 40, 52, kWithAlpha, 64, 108, 124};
  constexpr std::uint32_t kPlain = 0, kRuns8 = 1, kRuns4 = 2, kMasks = 3, kMasksWithAlpha = 6;
  if (file.size() < kFileHeader + kCore) throw Error(name + ": the BMP is truncated");
  BmpHeader header{};
  header.pixels = at(10, 4);
  const std::size_t size = at(14, 4);
  if (std::find(kSizes.begin(), kSizes.end(), size) == kSizes.end())
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
  const bool masks = header.masks = compression == kMasks || compression == kMasksWithAlpha;
  header.run_lengths = (compression == kRuns8 && header.bits == 8) || (compression == kRuns4 && header.bits == 4);
  if (compression != kPlain && !header.run_lengths && !(masks && (header.bits == 16 || header.bits == 32)))
    throw Error(name + ": unknown BMP compression: save it uncompressed");

  header.palette = kFileHeader + size;
  if (header.bits == 16) {
    header.red = {0x7c00}, header.green = {0x3e0}, header.blue = {0x1f};
  } else {
    header.red = {0xff0000}, header.green = {0xff00}, header.blue = {0xff};
  }
  if (masks) read_masks(file, size >= kWithAlpha, header, name);
  if (header.bits == 1 || header.bits == 4 || header.bits == 8) {
    header.colour_bytes = core ? 3 : 4;
    const std::uint32_t used = core ? 0 : at(46, 4), all = 1u << header.bits;
    if (used > 256) throw Error(name + ": invalid BMP: its palette has " + std::to_string(used) + " colours");
    header.colours = static_cast<int>(used == 0 || used > all ? all : used);
  } else if (header.bits != 16 && header.bits != 24 && header.bits != 32) {
    throw Error(name + ": BMP with " + std::to_string(header.bits) +
                " bits per pixel is not supported: save it with 24");
  }
  return header;
}

/// Red, green, blue and alpha.
using Colour = std::array<std::uint8_t, 4>;

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

void store(const Colour& colour, int channels, std::uint8_t* out) {
  if (channels == 1) {
    out[0] = grey_of(colour[0], colour[1], colour[2]);
  } else if (channels == 3) {
    out[0] = colour[0], out[1] = colour[1], out[2] = colour[2];
  } else {
    out[0] = colour[2], out[1] = colour[1], out[2] = colour[0], out[3] = colour[3];
  }
}

void decode_row(const std::uint8_t* row, const BmpHeader& header, const std::array<Colour, 256>& palette, int channels,
                std::uint8_t* out) {
  for (int x = 0; x < header.width; ++x, out += channels) {
    if (header.bits <= 8) {
      const int bit = x * header.bits % 8, index = row[static_cast<std::size_t>(x) * header.bits / 8];
      store(palette[index >> (8 - header.bits - bit) & ((1 << header.bits) - 1)], channels, out);
      continue;
    }
    const int bytes = header.bits / 8;
    std::uint32_t pixel = 0;
    for (int k = 0; k < bytes; ++k) pixel |= std::uint32_t{row[static_cast<std::size_t>(x) * bytes + k]} << 8 * k;
    if (channels == 1 && header.masks && header.bits == 32) {  // OpenCV truncates here
      *out = static_cast<std::uint8_t>(0.299f * header.red.extract(pixel) + 0.587f * header.green.extract(pixel) +
                                       0.114f * header.blue.extract(pixel));
      continue;
    }
    store({header.red.extract(pixel), header.green.extract(pixel), header.blue.extract(pixel),
           header.alpha.extract(pixel)},
          channels, out);
  }
}

/// Decodes run lengths of 4 or 8 bits per pixel. Pixels that the data skips get the first colour of the palette.
class RunLengths {
 public:
  RunLengths(const DecodeRequest& request, const BmpHeader& header, const std::array<Colour, 256>& palette,
             Image& image)
      : name_(request.name),
        data_(request.file.subspan(header.pixels)),
        header_(header),
        palette_(palette),
        image_(image) {}

  void decode() {
    for (int y = 0; y < image_.height; ++y)
      for (int x = 0; x < image_.width; ++x) store(palette_[0], image_.channels, image_.at(x, y));
    constexpr int kEndOfLine = 0, kEnd = 1, kMove = 2;
    while (y_ < image_.height && !(data_.size() < 2 && x_ == image_.width && y_ == image_.height - 1)) {
      const int count = next(), value = next();
      const bool pixels = count > 0 || value > kMove;
      // OpenCV continues in the next row only after a run of 8 bits that ends with the row.
      if (pixels && x_ == image_.width && full_by_run_) x_ = 0, ++y_;
      if (pixels) full_by_run_ = count > 0 && header_.bits == 8;
      if (count > 0) {
        for (int i = 0; i < count; ++i) put(header_.bits == 8 ? value : i % 2 == 0 ? value >> 4 : value & 15);
      } else if (value == kEndOfLine) {
        x_ = 0, ++y_;
      } else if (value == kEnd) {
        return;
      } else if (value == kMove) {
        x_ += next();
        y_ += next();
        if (x_ > image_.width || y_ > image_.height) throw_outside();
      } else {
        literal(value);
      }
    }
  }

 private:
  /// Pixels that are not a run, padded to an even number of bytes.
  void literal(int count) {
    int bytes = 0;
    for (int i = 0, byte = 0; i < count; ++i) {
      const bool second = header_.bits == 4 && i % 2 == 1;
      if (!second) byte = next(), ++bytes;
      put(header_.bits == 8 ? byte : second ? byte & 15 : byte >> 4);
    }
    if (bytes % 2 == 1) next();
  }
  int next() {
    if (data_.empty()) throw Error(name_ + ": the BMP is truncated");
    const int byte = std::to_integer<int>(data_[0]);
    data_ = data_.subspan(1);
    return byte;
  }
  void put(int index) {
    if (x_ >= image_.width || y_ >= image_.height) throw_outside();
    store(palette_[index], image_.channels, image_.at(x_, header_.top_down ? y_ : image_.height - 1 - y_));
    ++x_;
  }
  [[noreturn]] void throw_outside() const { throw Error(name_ + ": invalid BMP: a run leaves the image"); }

  const std::string& name_;
  Bytes data_;
  const BmpHeader& header_;
  const std::array<Colour, 256>& palette_;
  Image& image_;
  int x_ = 0, y_ = 0;  // of the next pixel; y in the order of the file
  bool full_by_run_ = false;
};

}  // namespace

StoredImage decode_bmp(const DecodeRequest& request) {
  const Bytes file = request.file;
  const std::string& name = request.name;
  const BmpHeader header = read_header(file, name);
  const std::string size = std::to_string(header.width) + "x" + std::to_string(header.height);
  const std::size_t rows = header.height;
  if (header.pixels > file.size() || (!header.run_lengths && (file.size() - header.pixels) / rows < header.row_bytes()))
    throw Error(name + ": the BMP header says " + size + " pixels, but the file is too short");
  request.check_size(header.width, rows);
  request.check_alpha(header.alpha.bits != 0 && header.bits == 32);
  const std::array<Colour, 256> palette =
      header.bits <= 8 ? read_palette(file, header, name) : std::array<Colour, 256>{};
  StoredImage stored;
  stored.image = Image(header.width, header.height, request.channels);
  if (header.run_lengths) {
    RunLengths(request, header, palette, stored.image).decode();
    return stored;
  }
  const auto* data = reinterpret_cast<const std::uint8_t*>(file.data()) + header.pixels;
  for (int y = 0; y < header.height; ++y)
    decode_row(data + header.row_bytes() * y, header, palette, request.channels,
               stored.image.at(0, header.top_down ? y : header.height - 1 - y));
  return stored;
}

}  // namespace cudet
