// Decodes image files. The first bytes decide between JPEG, PNG and BMP.
#pragma once
#include <string>

#include "apps/image/bytes.h"
#include "apps/image/image.h"

namespace cudet {

struct DecodedImage {
  Image image;  // upright: the Exif orientation is applied
  ImageFormat format;
};

/// Decodes to RGB as OpenCV's IMREAD_COLOR does: grey and palette images become RGB, alpha is dropped, 16-bit channels
/// keep their high byte. Throws Error, one line that starts with `name`, if the file is invalid or has more than
/// `max_pixels` pixels; the size is checked before pixels are allocated. Throws std::bad_alloc.
DecodedImage decode_image(Bytes file, const std::string& name, std::size_t max_pixels);

}  // namespace cudet
