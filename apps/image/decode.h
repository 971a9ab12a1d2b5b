// Decodes image files. The first bytes decide on the format, not the extension of the name.
#pragma once
#include <string>

#include "apps/image/bytes.h"
#include "apps/image/image.h"

namespace cudet {

struct DecodedImage {
  Image image;  // upright: the Exif orientation is applied
  ImageFormat format = ImageFormat::jpeg;
  std::string damage;  // one line that starts with `name` if the file is damaged but was decoded; otherwise empty
};

/// Decodes a JPEG, PNG, BMP, WebP or TIFF to the pixels that OpenCV reads from it. channels: 3 for RGB as with
/// IMREAD_COLOR (grey and palette images become RGB, alpha is dropped), 1 for grey as with IMREAD_GRAYSCALE, 4 for BGRA
/// as with IMREAD_UNCHANGED, which only files with an alpha channel have, and which ignores the Exif orientation.
/// 16-bit channels keep their high byte. Throws Error, one line that starts with `name`, if the file is invalid, is not
/// supported, has no alpha channel although channels is 4, or has more than `max_pixels` pixels; the size is checked
/// before pixels are allocated. Throws std::bad_alloc.
DecodedImage decode_image(Bytes file, const std::string& name, std::size_t max_pixels, int channels = 3);

}  // namespace cudet
