// libFuzzer target: a picture's bytes to pixels. Whatever the bytes are: pixels, or Error.
#include "apps/image/decode.h"
#include "kernels/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kMaxPixels = 1'000'000;
  try {
    const cudet::DecodedImage decoded = cudet::decode_image(std::as_bytes(std::span(data, size)), "fuzz", kMaxPixels);
    const cudet::Image& image = decoded.image;
    volatile unsigned last = *image.at(image.width - 1, image.height - 1);  // all of the pixels are there
    static_cast<void>(last);
  } catch (const cudet::Error&) {
  }
  return 0;
}
