// Decodes WebP with libwebp, if the program is built with it.
#include "apps/image/decoders.h"
#include "kernels/error.h"

#ifdef CUDET_WEBP
#include <webp/decode.h>

#include <new>

#include "apps/image/exif.h"
#endif

namespace cudet {

#ifdef CUDET_WEBP
namespace {

/// Returns the orientation from the Exif chunk of the RIFF container.
int orientation_of(Bytes file) {
  constexpr std::size_t kContainer = 12, kHead = 8;  // "RIFF", size, "WEBP"; a chunk's type and size
  for (std::size_t at = kContainer; at + kHead <= file.size();) {
    const std::size_t size = number(file, at + 4, 4, Endian::little);
    if (size > file.size() - at - kHead) return 1;
    Bytes data = file.subspan(at + kHead, size);
    if (matches(file, at, "EXIF")) {
      if (matches(data, 0, {"Exif\0\0", 6})) data = data.subspan(6);  // not in the specification, but written
      return exif_orientation(data);
    }
    at += kHead + size + size % 2;
  }
  return 1;
}

Image grey_image(const Image& rgb) {
  Image grey(rgb.width, rgb.height, 1);
  const std::size_t pixels = static_cast<std::size_t>(rgb.width) * rgb.height;
  for (std::size_t i = 0; i < pixels; ++i) {
    const std::uint8_t* pixel = rgb.pixels.get() + 3 * i;
    grey.pixels[i] = grey_of_colour(pixel[0], pixel[1], pixel[2]);
  }
  return grey;
}

}  // namespace

StoredImage decode_webp(const DecodeRequest& request) {
  const auto* data = reinterpret_cast<const std::uint8_t*>(request.file.data());
  const std::size_t size = request.file.size();
  WebPDecoderConfig config;
  if (!WebPInitDecoderConfig(&config)) throw Error(request.name + ": the installed libwebp is another version");
  if (WebPGetFeatures(data, size, &config.input) != VP8_STATUS_OK)
    throw Error(request.name + ": invalid WebP: its header is damaged or truncated");
  if (config.input.has_animation) throw Error(request.name + ": animated WebP is not supported: save a frame of it");
  const int width = config.input.width, height = config.input.height;
  request.check_size(width, height);
  request.check_alpha(config.input.has_alpha != 0);

  const int channels = request.channels == 4 ? 4 : 3;
  StoredImage stored;
  stored.image = Image(width, height, channels);
  config.output.colorspace = channels == 4 ? MODE_BGRA : MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA = {stored.image.pixels.get(), width * channels,
                          static_cast<std::size_t>(width) * height * channels};
  const VP8StatusCode status = WebPDecode(data, size, &config);
  WebPFreeDecBuffer(&config.output);
  if (status == VP8_STATUS_OUT_OF_MEMORY) throw std::bad_alloc();
  if (status != VP8_STATUS_OK)
    throw Error(request.name + ": invalid WebP: the data is " +
                (status == VP8_STATUS_NOT_ENOUGH_DATA || status == VP8_STATUS_SUSPENDED ? "truncated" : "damaged"));
  stored.orientation = orientation_of(request.file);
  if (request.channels == 1) stored.image = grey_image(stored.image);
  return stored;
}
#else
StoredImage decode_webp(const DecodeRequest& request) {
  throw Error(request.name + ": WebP is not supported by this build: install libwebp-dev and build again");
}
#endif

}  // namespace cudet
