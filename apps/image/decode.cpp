#include "apps/image/decode.h"

#include <new>

#include "apps/image/bmp.h"
#include "apps/image/exif.h"
#include "apps/image/headers.h"
#include "apps/image/stb.h"
#include "kernels/error.h"

namespace cudet {

Image::Image(int columns, int rows) : width(columns), height(rows) {
  pixels.reset(static_cast<std::uint8_t*>(std::malloc(static_cast<std::size_t>(width) * height * 3)));
  if (!pixels) throw std::bad_alloc();
}

DecodedImage decode_image(Bytes file, const std::string& name, std::size_t max_pixels) {
  const bool jpeg = matches(file, 0, "\xff\xd8\xff"), png = matches(file, 0, "\x89PNG\r\n\x1a\n");
  if (file.empty()) throw Error(name + ": the file is empty");
  if (matches(file, 0, "BM")) return {decode_bmp(file, name, max_pixels), ImageFormat::bmp};
  if (!jpeg && !png) throw Error(name + ": not a JPEG, PNG or BMP image");

  const ImageHeader header = jpeg ? jpeg_header(file, name) : png_header(file, name);
  if (static_cast<std::size_t>(header.width) > max_pixels / static_cast<std::size_t>(header.height))
    throw Error(name + ": " + std::to_string(header.width) + "x" + std::to_string(header.height) +
                " pixels exceed --max-pixels");
  Image image = stb_decode(file, name, header.width, header.height);
  return {upright(std::move(image), header.orientation), jpeg ? ImageFormat::jpeg : ImageFormat::png};
}

}  // namespace cudet
