// Reads and checks the headers of JPEG and PNG files before they are decoded. Files that the decoder does not handle
// safely are rejected here.
#pragma once
#include <string>

#include "apps/image/bytes.h"

namespace cudet {

struct ImageHeader {
  int width, height;  // pixels, as stored
  int orientation;    // from Exif, 1 to 8
};

/// Reads all segments of a JPEG (ITU-T T.81, annex B). Throws Error, starting with `name`, if the file is truncated or
/// invalid, has a Huffman table with more than 255 codes (no encoder needs more), four channels that are not Adobe CMYK
/// or YCCK, or more than 100 scans (no encoder writes that many, and each scan costs a pass over the image).
ImageHeader jpeg_header(Bytes file, const std::string& name);

/// Reads all chunks of a PNG (ISO/IEC 15948, clause 5). Throws Error, starting with `name`, if the file is truncated or
/// its first chunk is not a valid IHDR.
ImageHeader png_header(Bytes file, const std::string& name);

}  // namespace cudet
