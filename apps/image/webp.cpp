// Decodes WebP with libwebp, if the program is built with it.
#include "apps/image/decoders.h"
#include "kernels/error.h"

#ifdef CUDET_WEBP
#include <webp/decode.h>
#include <webp/demux.h>

#include <algorithm>
#include <memory>
#include <new>

#include "apps/image/exif.h"
#endif

namespace cudet {

#ifdef CUDET_WEBP
namespace {

/// Returns the orientation from the Exif chunk of the RIFF container, if its header says that there is one.
int orientation_of(Bytes file) {
  constexpr std::size_t kContainer = 12, kHead = 8;  // "RIFF", size, "WEBP"; a chunk's type and size
  constexpr std::size_t kFlags = kContainer + kHead;
  constexpr std::byte kHasExif{0x08};
  if (!matches(file, kContainer, "VP8X") || file.size() <= kFlags || (file[kFlags] & kHasExif) == std::byte{}) return 1;
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

/// Decodes the first frame of an animation onto its canvas of width x height pixels, which is transparent black.
Image first_frame(const DecodeRequest& request, int width, int height, int channels) {
  const WebPData data{reinterpret_cast<const std::uint8_t*>(request.file.data()), request.file.size()};
  WebPAnimDecoderOptions options;
  if (!WebPAnimDecoderOptionsInit(&options))
    throw Error(request.name + ": the installed libwebpdemux is another version");
  options.color_mode = MODE_BGRA;
  const std::unique_ptr<WebPAnimDecoder, decltype(&WebPAnimDecoderDelete)> decoder(WebPAnimDecoderNew(&data, &options),
                                                                                   WebPAnimDecoderDelete);
  std::uint8_t* bgra = nullptr;
  int milliseconds = 0;
  WebPAnimInfo canvas{};
  if (!decoder || !WebPAnimDecoderGetInfo(decoder.get(), &canvas) ||
      canvas.canvas_width != static_cast<std::uint32_t>(width) ||
      canvas.canvas_height != static_cast<std::uint32_t>(height) ||
      !WebPAnimDecoderGetNext(decoder.get(), &bgra, &milliseconds))
    throw Error(request.name + ": the animated WebP is damaged or truncated, or takes more memory than there is");
  Image image(width, height, channels);
  const std::size_t pixels = static_cast<std::size_t>(width) * height;
  for (std::size_t i = 0; i < pixels; ++i) {
    const std::uint8_t* from = bgra + 4 * i;
    std::uint8_t* to = image.pixels.get() + static_cast<std::size_t>(channels) * i;
    if (channels == 4)
      std::copy_n(from, 4, to);
    else
      std::reverse_copy(from, from + 3, to);
  }
  return image;
}

}  // namespace

StoredImage decode_webp(const DecodeRequest& request) {
  const auto* data = reinterpret_cast<const std::uint8_t*>(request.file.data());
  const std::size_t size = request.file.size();
  WebPDecoderConfig config;
  if (!WebPInitDecoderConfig(&config)) throw Error(request.name + ": the installed libwebp is another version");
  if (WebPGetFeatures(data, size, &config.input) != VP8_STATUS_OK)
    throw Error(request.name + ": invalid WebP: its header is damaged or truncated");
  const int width = config.input.width, height = config.input.height;
  request.check_size(width, height);
  request.check_alpha(config.input.has_alpha != 0);

  const int channels = request.channels == 4 ? 4 : 3;
  StoredImage stored;
  stored.orientation = orientation_of(request.file);
  if (config.input.has_animation) {
    stored.image = first_frame(request, width, height, channels);
    if (request.channels == 1) stored.image = grey_image(stored.image);
    return stored;
  }
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
  if (request.channels == 1) stored.image = grey_image(stored.image);
  return stored;
}
#else
StoredImage decode_webp(const DecodeRequest& request) {
  throw Error(request.name + ": WebP is not supported by this build: install libwebp-dev and build again");
}
#endif

}  // namespace cudet
