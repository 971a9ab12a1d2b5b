// What a compressed picture says about itself, checked before a decoder sees it: the decoder then meets neither a claim
// that the file cannot hold nor a construct that it mishandles.
#pragma once
#include <string>

#include "apps/image/bytes.h"

namespace cudet {

struct ImageHeader {
  int width, height;  // pixels, as stored
  int orientation;    // Exif's, 1 to 8
};

/// Walks a JPEG's segments to its end (ITU-T T.81, annex B). Throws Error, starting with `name`, where it is cut off,
/// has a Huffman table of more than 255 codes (no encoder has use for more), four channels that aren't Adobe's CMYK or
/// YCCK, or more scans than any encoder makes (each costs a pass over all of the picture).
ImageHeader jpeg_header(Bytes file, const std::string& name);

/// Walks a PNG's chunks (ISO/IEC 15948, clause 5). Throws Error, starting with `name`, where it is cut off or starts
/// with another chunk than IHDR.
ImageHeader png_header(Bytes file, const std::string& name);

}  // namespace cudet
