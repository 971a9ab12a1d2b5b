// Reads and applies the Exif orientation of an image. Format: Exif 2.32, a TIFF 6.0 directory.
#pragma once
#include "apps/image/bytes.h"
#include "apps/image/image.h"

namespace cudet {

/// Returns the orientation, 1 to 8, from a TIFF block: the data after "Exif\0\0" in the APP1 segment of a JPEG, the
/// eXIf chunk of a PNG, or the EXIF chunk of a WebP. Returns 1 (upright) if the block has no orientation or is invalid.
int exif_orientation(Bytes tiff);

/// Returns the image turned upright. Orientations 2 to 4 mirror the image or turn it by 180°; 5 to 8 also swap width
/// and height. Throws std::bad_alloc.
Image upright(Image image, int orientation);

}  // namespace cudet
