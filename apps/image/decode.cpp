#include "apps/image/decode.h"

#include "apps/image/decoders.h"
#include "apps/image/exif.h"
#include "kernels/error.h"

namespace cudet {
namespace {

ImageFormat recognise(const DecodeRequest& request) {
  const Bytes file = request.file;
  if (file.empty()) throw Error(request.name + ": the file is empty");
  if (matches(file, 0, "\xff\xd8\xff")) return ImageFormat::jpeg;
  if (matches(file, 0, "\x89PNG\r\n\x1a\n")) return ImageFormat::png;
  if (matches(file, 0, "BM")) return ImageFormat::bmp;
  if (matches(file, 0, "RIFF") && matches(file, 8, "WEBP")) return ImageFormat::webp;
  for (const std::string_view start : {std::string_view("II*\0", 4), std::string_view("MM\0*", 4),
                                       std::string_view("II+\0", 4), std::string_view("MM\0+", 4)})
    if (matches(file, 0, start)) return ImageFormat::tiff;
  throw Error(request.name + ": not a JPEG, PNG, BMP, WebP or TIFF image");
}

StoredImage decode(const DecodeRequest& request, ImageFormat format) {
  switch (format) {
    case ImageFormat::jpeg:
      return decode_jpeg(request);
    case ImageFormat::png:
      return decode_png(request);
    case ImageFormat::bmp:
      return decode_bmp(request);
    case ImageFormat::webp:
      return decode_webp(request);
    case ImageFormat::tiff:
      return decode_tiff(request);
  }
  throw Error(request.name + ": unknown image format");
}

}  // namespace

void DecodeRequest::check_size(std::size_t width, std::size_t height) const {
  if (width > max_pixels / height)
    throw Error(name + ": " + std::to_string(width) + "x" + std::to_string(height) + " pixels exceed the maximum of " +
                std::to_string(max_pixels) + ": --max-pixels raises it");
}

void DecodeRequest::check_alpha(bool has_alpha) const {
  if (channels == 4 && !has_alpha)
    throw Error(name +
                ": the image has no alpha channel, but four channels are needed: save it as PNG with transparency");
}

DecodedImage decode_image(Bytes file, const std::string& name, std::size_t max_pixels, int channels) {
  const DecodeRequest request{file, name, max_pixels, channels};
  const ImageFormat format = recognise(request);
  StoredImage stored = decode(request, format);
  const int orientation = channels == 4 ? 1 : stored.orientation;
  return {upright(std::move(stored.image), orientation), format,
          stored.damage.empty() ? "" : name + ": the image is damaged: " + stored.damage};
}

}  // namespace cudet
