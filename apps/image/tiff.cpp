// Decodes TIFF with libtiff, if the program is built with it.
#include "apps/image/decoders.h"
#include "kernels/error.h"

#ifdef CUDET_TIFF
#include <tiffio.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

#include "apps/image/exif.h"
#endif

namespace cudet {

#ifdef CUDET_TIFF
namespace {

/// The file that libtiff reads, and its messages. Its callbacks get a pointer to this.
struct Input {
  Bytes file;
  std::size_t position = 0;
  char message[300] = "";  // the first error
};

Input& input_of(thandle_t handle) {
  return *static_cast<Input*>(handle);
}

tmsize_t read(thandle_t handle, void* to, tmsize_t size) {
  Input& input = input_of(handle);
  const std::size_t left = input.file.size() - input.position;
  const std::size_t count = std::min(left, static_cast<std::size_t>(std::max<tmsize_t>(size, 0)));
  if (count > 0) std::memcpy(to, input.file.data() + input.position, count);
  input.position += count;
  return static_cast<tmsize_t>(count);
}
tmsize_t write(thandle_t, void*, tmsize_t) {
  return 0;
}
toff_t seek(thandle_t handle, toff_t offset, int whence) {
  Input& input = input_of(handle);
  const toff_t base = whence == SEEK_CUR ? input.position : whence == SEEK_END ? input.file.size() : 0;
  input.position = static_cast<std::size_t>(std::min<toff_t>(base + offset, input.file.size()));
  return input.position;
}
int close(thandle_t) {
  return 0;
}
toff_t size_of(thandle_t handle) {
  return input_of(handle).file.size();
}
int map(thandle_t handle, void** data, toff_t* size) {
  *data = const_cast<std::byte*>(input_of(handle).file.data());  // libtiff only reads it
  *size = input_of(handle).file.size();
  return 1;
}
void unmap(thandle_t, void*, toff_t) {}

__attribute__((format(printf, 4, 0))) int keep_error(TIFF*, void* user, const char*, const char* format,
                                                     va_list values) {
  Input& input = *static_cast<Input*>(user);
  if (input.message[0] == '\0') std::vsnprintf(input.message, sizeof input.message, format, values);
  return 1;  // do not print it
}
int ignore_warning(TIFF*, void*, const char*, const char*, va_list) {
  return 1;
}

using Tiff = std::unique_ptr<TIFF, decltype(&TIFFClose)>;

/// Opens the file. max_bytes: limit of each allocation of libtiff. Returns null on errors.
Tiff open(Input& input, std::size_t max_bytes) {
  input.position = 0;
  const std::unique_ptr<TIFFOpenOptions, decltype(&TIFFOpenOptionsFree)> options(TIFFOpenOptionsAlloc(),
                                                                                 TIFFOpenOptionsFree);
  if (!options) throw std::bad_alloc();
  TIFFOpenOptionsSetErrorHandlerExtR(options.get(), keep_error, &input);
  TIFFOpenOptionsSetWarningHandlerExtR(options.get(), ignore_warning, nullptr);
  TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), static_cast<tmsize_t>(max_bytes));
  // Mapped, because libtiff 4.5 refuses uncompressed tiles that it has to copy.
  return {TIFFClientOpenExt("", "r", &input, read, write, seek, close, size_of, map, unmap, options.get()), TIFFClose};
}

/// Copies a row of RGBA to the image.
void store_row(const std::uint32_t* row, int width, int channels, std::uint8_t* out) {
  for (int x = 0; x < width; ++x, out += channels) {
    const auto red = static_cast<std::uint8_t>(TIFFGetR(row[x])), green = static_cast<std::uint8_t>(TIFFGetG(row[x])),
               blue = static_cast<std::uint8_t>(TIFFGetB(row[x])), alpha = static_cast<std::uint8_t>(TIFFGetA(row[x]));
    if (channels == 1) {
      out[0] = grey_of(red, green, blue);
    } else if (channels == 3) {
      out[0] = red, out[1] = green, out[2] = blue;
    } else {
      out[0] = blue, out[1] = green, out[2] = red, out[3] = alpha;
    }
  }
}

}  // namespace

StoredImage decode_tiff(const DecodeRequest& request) {
  Input input{request.file};
  const auto invalid = [&](const char* otherwise) {
    return Error(request.name + ": invalid TIFF: " + (input.message[0] != '\0' ? input.message : otherwise));
  };
  // A strip or tile has at most four channels of 16 bits, but a tile can be larger than a small image. The limit can
  // only be set on opening, so the file is opened once more after its size is known.
  constexpr std::size_t kBytesPerPixel = 16, kLeast = 1 << 26;
  Tiff tiff = open(input, kLeast);
  if (!tiff) throw invalid("it cannot be opened");
  std::uint32_t width = 0, height = 0;
  TIFFGetField(tiff.get(), TIFFTAG_IMAGEWIDTH, &width);
  TIFFGetField(tiff.get(), TIFFTAG_IMAGELENGTH, &height);
  if (width == 0 || height == 0 || width > INT32_MAX || height > INT32_MAX) throw invalid("wrong width or height");
  request.check_size(width, height);
  tiff = open(input, kLeast + kBytesPerPixel * width * height);
  if (!tiff) throw invalid("it cannot be opened");
  std::uint16_t samples = 1, bits = 1, format = SAMPLEFORMAT_UINT, orientation = ORIENTATION_TOPLEFT;
  TIFFGetFieldDefaulted(tiff.get(), TIFFTAG_SAMPLESPERPIXEL, &samples);
  TIFFGetFieldDefaulted(tiff.get(), TIFFTAG_BITSPERSAMPLE, &bits);
  TIFFGetFieldDefaulted(tiff.get(), TIFFTAG_SAMPLEFORMAT, &format);
  TIFFGetFieldDefaulted(tiff.get(), TIFFTAG_ORIENTATION, &orientation);
  if (format != SAMPLEFORMAT_UINT && format != SAMPLEFORMAT_VOID)
    throw Error(request.name + ": TIFF with signed or floating-point channels is not supported: save it with 8 bits");
  std::uint16_t photometric = 0;  // libtiff would guess it
  if (!TIFFGetField(tiff.get(), TIFFTAG_PHOTOMETRIC, &photometric))
    throw Error(request.name + ": invalid TIFF: it does not say what its channels are");
  request.check_alpha(samples == 4);
  if (request.channels == 4 && bits > 8)  // libtiff would multiply the colours by alpha, OpenCV does not
    throw Error(request.name + ": TIFF with four channels of 16 bits is not supported: save it with 8 bits");
  char reason[1024] = "";
  if (!TIFFRGBAImageOK(tiff.get(), reason)) throw Error(request.name + ": TIFF is not supported: " + reason);

  std::vector<std::uint32_t> rgba(static_cast<std::size_t>(width) * height);
  constexpr int kGoOn = 0;  // after damaged strips, as OpenCV does; they stay black
  // With the orientation of the file the rows are as they are stored.
  if (!TIFFReadRGBAImageOriented(tiff.get(), width, height, rgba.data(), orientation, kGoOn))
    throw invalid("it cannot be decoded");
  Image image(static_cast<int>(width), static_cast<int>(height), request.channels);
  for (int y = 0; y < image.height; ++y)
    store_row(rgba.data() + static_cast<std::size_t>(y) * width, image.width, image.channels, image.at(0, y));
  // Turned here, since OpenCV does so for any number of channels.
  return {upright(std::move(image), orientation), 1, input.message};
}
#else
StoredImage decode_tiff(const DecodeRequest& request) {
  throw Error(request.name + ": TIFF is not supported by this build: install libtiff-dev and build again");
}
#endif

}  // namespace cudet
