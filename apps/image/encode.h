// Encodes images as files.
#pragma once
#include <cstddef>
#include <vector>

#include "apps/image/image.h"

namespace cudet {

constexpr int kMaxPngSide = 1'000'000;  // libpng's limit

/// Return the encoded file of an RGB image. quality: 1 to 100. The sides of a PNG are at most kMaxPngSide. Throw
/// std::bad_alloc.
std::vector<std::byte> encode_jpeg(const Image& image, int quality);
std::vector<std::byte> encode_png(const Image& image);

}  // namespace cudet
