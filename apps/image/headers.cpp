#include "apps/image/headers.h"

#include "apps/image/exif.h"
#include "kernels/error.h"

namespace cudet {
namespace {

std::uint32_t big(Bytes file, std::size_t offset, int size) {
  return number(file, offset, size, Endian::big);
}

/// Reads the markers and segments of a JPEG in order.
class JpegParser {
 public:
  JpegParser(Bytes file, const std::string& name) : file_(file), name_(name) {}

  /// Returns the next marker. Skips entropy-coded data and padding before it.
  unsigned next_marker() {
    for (; position_ + 1 < file_.size(); ++position_) {
      if (file_[position_] != std::byte{0xff}) continue;
      const auto code = std::to_integer<unsigned>(file_[position_ + 1]);
      const bool data =
          code == 0 || code == 0xff || (code >= 0xd0 && code <= 0xd7);  // byte stuffing, fill, restart markers
      if (data) continue;
      position_ += 2;
      return code;
    }
    throw_truncated();
  }
  /// Returns the segment after a marker, without its length field.
  Bytes segment() {
    if (position_ + 2 > file_.size()) throw_truncated();
    const std::size_t length = big(file_, position_, 2);
    if (length < 2) throw Error(name_ + ": invalid JPEG: a segment is shorter than its length field");
    if (length > file_.size() - position_) throw_truncated();
    const Bytes segment = file_.subspan(position_ + 2, length - 2);
    position_ += length;
    return segment;
  }

 private:
  [[noreturn]] void throw_truncated() const { throw Error(name_ + ": the JPEG is truncated"); }

  Bytes file_;
  const std::string& name_;
  std::size_t position_ = 2;  // after the start-of-image marker
};

void check_huffman_tables(Bytes segment, const std::string& name) {
  constexpr std::size_t kCounts = 17;  // the table id and 16 counts
  for (std::size_t at = 0; at < segment.size();) {
    std::size_t codes = 0;
    if (segment.size() - at < kCounts) throw Error(name + ": invalid JPEG: a Huffman table is truncated");
    for (std::size_t i = 1; i < kCounts; ++i) codes += std::to_integer<std::size_t>(segment[at + i]);
    if (codes > 255) throw Error(name + ": invalid JPEG: a Huffman table has more than 255 codes");
    at += kCounts + codes;
  }
}

bool is_frame(unsigned marker) {  // SOF0 to SOF15, except DHT, JPG and DAC
  return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

}  // namespace

ImageHeader jpeg_header(Bytes file, const std::string& name) {
  constexpr unsigned kTables = 0xc4, kEnd = 0xd9, kScan = 0xda, kExif = 0xe1, kAdobe = 0xee;
  constexpr int kMaxScans = 100;  // progressive encoders write about ten
  ImageHeader header{0, 0, 1};
  JpegParser parser(file, name);
  int scans = 0, channels = 0, transform = -1;
  bool exif = false;
  for (unsigned marker; (marker = parser.next_marker()) != kEnd;) {
    if (marker == 0x01 || marker == 0xd8) throw Error(name + ": invalid JPEG: a marker is in a wrong position");
    const Bytes segment = parser.segment();
    if (is_frame(marker)) {
      if (channels != 0 || segment.size() < 6) throw Error(name + ": invalid JPEG: wrong frame header");
      header.height = static_cast<int>(big(segment, 1, 2));
      header.width = static_cast<int>(big(segment, 3, 2));
      channels = static_cast<int>(big(segment, 5, 1));
    } else if (marker == kTables) {
      check_huffman_tables(segment, name);
    } else if (marker == kExif && !exif && matches(segment, 0, {"Exif\0\0", 6})) {
      exif = true;
      header.orientation = exif_orientation(segment.subspan(6));
    } else if (marker == kAdobe && segment.size() >= 12 && matches(segment, 0, {"Adobe", 5})) {
      transform = static_cast<int>(big(segment, 11, 1));
    } else if (marker == kScan && ++scans > kMaxScans) {
      throw Error(name + ": the JPEG has more than 100 scans: decoding it would take too long");
    }
  }
  if (header.width == 0 || header.height == 0) throw Error(name + ": invalid JPEG: width or height is missing");
  if (channels == 4 && transform != 0 && transform != 2)
    throw Error(name + ": JPEG with four channels that are not Adobe CMYK or YCCK is not supported: save it as RGB");
  return header;
}

ImageHeader png_header(Bytes file, const std::string& name) {
  constexpr std::size_t kSignature = 8, kFrame = 12;  // a chunk's length, type and checksum
  ImageHeader header{0, 0, 1};
  for (std::size_t at = kSignature;;) {
    if (file.size() - at < kFrame) throw Error(name + ": the PNG is truncated");
    const std::size_t length = big(file, at, 4);
    if (length > file.size() - at - kFrame) throw Error(name + ": the PNG is truncated");
    const Bytes data = file.subspan(at + 8, length);
    if (at == kSignature) {
      if (!matches(file, at + 4, "IHDR") || length != 13)
        throw Error(name + ": invalid PNG: the first chunk is not IHDR");
      const std::uint32_t width = big(data, 0, 4), height = big(data, 4, 4);
      if (width == 0 || height == 0 || width > INT32_MAX || height > INT32_MAX)
        throw Error(name + ": invalid PNG: wrong width or height");
      header.width = static_cast<int>(width);
      header.height = static_cast<int>(height);
    } else if (matches(file, at + 4, "eXIf")) {
      header.orientation = exif_orientation(data);
    } else if (matches(file, at + 4, "IEND")) {
      return header;
    }
    at += kFrame + length;
  }
}

}  // namespace cudet
