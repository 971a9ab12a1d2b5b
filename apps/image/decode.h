// Files to pixels: JPEG, PNG and BMP, told apart by their first bytes.
#pragma once
#include <string>

#include "apps/image/bytes.h"
#include "apps/image/image.h"

namespace cudet {

struct DecodedImage {
  Image image;  // upright: Exif's orientation is applied
  ImageFormat format;
};

/// Decodes what OpenCV's IMREAD_COLOR does, in its way: grey and palettes become RGB, alpha is dropped, 16-bit channels
/// keep their high byte. Throws Error, one line that starts with `name`, where the file isn't a sound picture or has
/// more than `max_pixels` pixels, before it allocates any; std::bad_alloc.
DecodedImage decode_image(Bytes file, const std::string& name, std::size_t max_pixels);

}  // namespace cudet
