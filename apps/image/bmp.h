// Decodes Windows bitmaps: 1, 4 or 8 bits with a palette; 16, 24 or 32 bits; bottom-up or top-down; no run-length
// encoding.
#pragma once
#include <string>

#include "apps/image/bytes.h"
#include "apps/image/image.h"

namespace cudet {

/// Decodes an image without its alpha channel. Channels of 5 and 6 bits are shifted to the high bits of 8, as OpenCV
/// does. Throws Error, starting with `name`, if the file is invalid, too short for its size, or has more than
/// `max_pixels` pixels; all this is checked before memory for pixels is allocated.
Image decode_bmp(Bytes file, const std::string& name, std::size_t max_pixels);

}  // namespace cudet
