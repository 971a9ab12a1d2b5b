// The decoders of the image formats, one per source file. decode_image() chooses between them.
#pragma once
#include <string>

#include "apps/image/bytes.h"
#include "apps/image/image.h"

namespace cudet {

/// What to decode, and how. The references must outlive the call.
struct DecodeRequest {
  Bytes file;
  const std::string& name;
  std::size_t max_pixels;
  int channels;  // 1, 3 or 4, as in decode_image()

  /// Throws Error if an image of this size has more than max_pixels pixels. width and height are positive.
  void check_size(std::size_t width, std::size_t height) const;
  /// Throws Error if channels is 4 and the file has no alpha channel.
  void check_alpha(bool has_alpha) const;
};

/// An image as it is stored in the file.
struct StoredImage {
  Image image;
  int orientation = 1;  // from Exif, 1 to 8
  std::string damage;   // what is wrong with the file, although it was decoded; empty if nothing is
};

/// All decoders throw Error, one line that starts with the request's name, if the file is invalid, and std::bad_alloc.

/// Baseline, progressive and arithmetic-coded JPEG, by libjpeg-turbo with its default settings. Truncated or damaged
/// data gives an image if the headers are intact. Throws Error for more than 100 scans: no encoder writes that many,
/// and each costs a pass over the image.
StoredImage decode_jpeg(const DecodeRequest& request);
/// All PNG types, by libpng, which verifies checksums. Throws Error for damage in the image data.
StoredImage decode_png(const DecodeRequest& request);
/// BMP with 1, 4 or 8 bits and a palette, also run-length encoded; with 16, 24 or 32 bits; bottom-up or top-down.
StoredImage decode_bmp(const DecodeRequest& request);
/// WebP without animation, by libwebp. Throws Error if the program was built without it.
StoredImage decode_webp(const DecodeRequest& request);
/// The first page of a TIFF with 1 to 16 bits per channel, by libtiff. Throws Error if the program was built without
/// it.
StoredImage decode_tiff(const DecodeRequest& request);

/// Grey as OpenCV's decoders compute it.
inline std::uint8_t grey_of(int red, int green, int blue) {
  return static_cast<std::uint8_t>((red * 4899 + green * 9617 + blue * 1868 + (1 << 13)) >> 14);
}
/// Grey as OpenCV's cvtColor computes it, for formats whose decoders give it colours.
inline std::uint8_t grey_of_colour(int red, int green, int blue) {
  return static_cast<std::uint8_t>((red * 9798 + green * 19235 + blue * 3735 + (1 << 14)) >> 15);
}

}  // namespace cudet
