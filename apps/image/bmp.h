// Windows bitmaps: 1, 4, 8 bits with a palette; 16, 24, 32 bits; bottom-up or top-down; not run-length encoded.
#pragma once
#include <string>

#include "apps/image/bytes.h"
#include "apps/image/image.h"

namespace cudet {

/// The picture, alpha dropped; 5- and 6-bit channels take the high bits of 8, as OpenCV does. Throws Error, starting
/// with `name`, before it allocates pixels that the file doesn't hold, or more than `max_pixels`.
Image decode_bmp(Bytes file, const std::string& name, std::size_t max_pixels);

}  // namespace cudet
