// Encodes PNG with libpng.
#include <png.h>

#include <new>

#include "apps/image/encode.h"

namespace cudet {

std::vector<std::byte> encode_png(const Image& image) {
  png_image header{};
  header.version = PNG_IMAGE_VERSION;
  header.width = static_cast<png_uint_32>(image.width);
  header.height = static_cast<png_uint_32>(image.height);
  header.format = PNG_FORMAT_RGB;
  header.flags = PNG_IMAGE_FLAG_FAST;  // a third of the time, and photos get hardly larger
  std::vector<std::byte> file(PNG_IMAGE_PNG_SIZE_MAX(header));
  png_alloc_size_t bytes = file.size();
  // The memory is large enough and the sides are within the limits, so that only libpng's own allocations can fail.
  if (!png_image_write_to_memory(&header, file.data(), &bytes, 0, image.pixels.get(), 0, nullptr))
    throw std::bad_alloc();
  file.resize(bytes);
  return file;
}

}  // namespace cudet
