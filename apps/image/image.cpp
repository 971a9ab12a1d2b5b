#include "apps/image/image.h"

namespace cudet {

Image to_rgb(const Image& image) {
  Image rgb(image.width, image.height);
  const std::size_t pixels = static_cast<std::size_t>(image.width) * image.height;
  const bool bgra = image.channels == 4;
  for (std::size_t i = 0; i < pixels; ++i)
    for (int k = 0; k < 3; ++k)
      rgb.pixels[3 * i + k] = image.pixels[image.channels * i + (bgra ? 2 - k : image.channels == 3 ? k : 0)];
  return rgb;
}

}  // namespace cudet
