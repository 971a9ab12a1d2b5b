// libFuzzer target: decodes an image file, with each decoder, to grey, RGB or BGRA. Any input must give pixels or throw
// Error.
#include "apps/image/decode.h"
#include "kernels/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kMaxPixels = 1'000'000;
  constexpr int kChannels[] = {3, 1, 4};
  const cudet::Bytes file = std::as_bytes(std::span(data, size));
  try {
    const cudet::DecodedImage decoded = cudet::decode_image(file, "fuzz", kMaxPixels, kChannels[size % 3]);
    const cudet::Image& image = decoded.image;
    volatile unsigned last = *image.at(image.width - 1, image.height - 1);  // the last pixel is within the allocation
    static_cast<void>(last);
  } catch (const cudet::Error&) {
  }
  return 0;
}
