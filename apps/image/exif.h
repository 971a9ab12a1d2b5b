// Which way up a camera held the picture. Format: Exif 2.32, a TIFF 6.0 directory.
#pragma once
#include "apps/image/bytes.h"
#include "apps/image/image.h"

namespace cudet {

/// The orientation in a TIFF block, as it follows "Exif\0\0" in a JPEG's APP1 and fills a PNG's eXIf: 1 to 8; 1
/// (upright) where the block has none or isn't sound.
int exif_orientation(Bytes tiff);

/// The picture turned upright: orientation 2 to 4 mirror it or turn it by half, 5 to 8 also swap width and height.
/// Throws std::bad_alloc.
Image upright(Image image, int orientation);

}  // namespace cudet
