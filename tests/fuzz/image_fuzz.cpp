// libFuzzer target: decodes an image file. Any input must give pixels or throw Error.
#include "apps/image/decode.h"
#include "kernels/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kMaxPixels = 1'000'000;
  try {
    const cudet::DecodedImage decoded = cudet::decode_image(std::as_bytes(std::span(data, size)), "fuzz", kMaxPixels);
    const cudet::Image& image = decoded.image;
    volatile unsigned last = *image.at(image.width - 1, image.height - 1);  // the last pixel is within the allocation
    static_cast<void>(last);
  } catch (const cudet::Error&) {
  }
  return 0;
}
