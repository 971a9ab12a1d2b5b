// Encodes images as files.
#pragma once
#include <cstddef>
#include <vector>

#include "apps/image/image.h"

namespace cudet {

/// Return the encoded file of an RGB image. quality: 1 to 100. Throw std::bad_alloc.
std::vector<std::byte> encode_jpeg(const Image& image, int quality);
std::vector<std::byte> encode_png(const Image& image);

}  // namespace cudet
