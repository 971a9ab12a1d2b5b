#include "apps/image/stb.h"

#include <algorithm>
#include <climits>
#include <new>

#include "kernels/error.h"

namespace cudet {
namespace {

// stb's allocator has no argument for a limit; a decoder runs on one thread from start to end.
thread_local std::size_t largest_piece = SIZE_MAX;
thread_local bool system_had_none = false;  // of a piece within the limit

void* noted(void* piece) {
  if (!piece) system_had_none = true;
  return piece;
}
// Zeros: a JPEG may use tables that it doesn't define and leave out blocks.
void* limited_malloc(std::size_t size) {
  return size > largest_piece ? nullptr : noted(std::calloc(size, 1));
}
void* limited_realloc(void* p, std::size_t size) {
  return size > largest_piece ? nullptr : noted(std::realloc(p, size));
}

struct LimitPieces {
  explicit LimitPieces(std::size_t bytes) {
    largest_piece = bytes;
    system_had_none = false;
  }
  ~LimitPieces() { largest_piece = SIZE_MAX; }
  LimitPieces(const LimitPieces&) = delete;  // one at a time
  LimitPieces& operator=(const LimitPieces&) = delete;
};

}  // namespace
}  // namespace cudet

// On damaged data stb's JPEG decoder shifts zeros by 32 bits and more and lets sums of coefficients overflow: wrong
// pixels at worst, no wrong address.
#ifdef __clang__
#pragma clang attribute push(__attribute__((no_sanitize("shift", "signed-integer-overflow"))), apply_to = function)
#else
#pragma GCC optimize("wrapv")
#endif
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wall"
#pragma GCC diagnostic ignored "-Wextra"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#define STBI_MALLOC(size) cudet::limited_malloc(size)
#define STBI_REALLOC(p, size) cudet::limited_realloc(p, size)
#define STBI_FREE(p) std::free(p)
#define STBI_ONLY_JPEG
#define STBI_ONLY_PNG
#define STBI_NO_STDIO
#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#include <stb/stb_image.h>
#define STBI_WRITE_NO_STDIO
#define STB_IMAGE_WRITE_STATIC
#define STB_IMAGE_WRITE_IMPLEMENTATION
#include <stb/stb_image_write.h>
#define STBTT_STATIC
#define STB_TRUETYPE_IMPLEMENTATION
#include <stb/stb_truetype.h>
#pragma GCC diagnostic pop
#ifdef __clang__
#pragma clang attribute pop
#endif

extern "C" const unsigned char cudet_font[];  // font.S

namespace cudet {

Image stb_decode(Bytes file, const std::string& name, int width, int height) {
  if (file.size() > INT_MAX) throw Error(name + ": a picture file of more than 2 GiB");
  // A JPEG's planes are padded to blocks of up to 32 x 32. A pixel has up to 4 channels of 16 bits, and stb grows its
  // buffers by doubling. It starts with its own state.
  constexpr std::size_t kBlock = 32, kBytesPerPixel = 2 * 8, kState = 1 << 16;
  const std::size_t pixels = (width + kBlock) * (height + kBlock);
  const LimitPieces limit(pixels * kBytesPerPixel + file.size() * 2 + kState);
  Image image;
  int stored = 0;
  image.pixels.reset(stbi_load_from_memory(reinterpret_cast<const stbi_uc*>(file.data()), static_cast<int>(file.size()),
                                           &image.width, &image.height, &stored, 3));
  if (!image.pixels && system_had_none) throw std::bad_alloc();
  if (!image.pixels) throw Error(name + ": not a sound picture: " + stbi_failure_reason());
  if (image.width != width || image.height != height) throw Error(name + ": not a sound picture: it has two sizes");
  return image;
}

namespace {

/// stb hands over the file piece by piece, through C: an exception must not cross it.
struct Sink {
  std::vector<std::byte> bytes;
  bool full = false;

  static void write(void* context, void* data, int size) {
    Sink& sink = *static_cast<Sink*>(context);
    try {
      const auto* first = static_cast<const std::byte*>(data);
      if (!sink.full) sink.bytes.insert(sink.bytes.end(), first, first + size);
    } catch (const std::bad_alloc&) {
      sink.full = true;
    }
  }
  std::vector<std::byte> finish(int ok) {
    if (!ok || full) throw std::bad_alloc();
    return std::move(bytes);
  }
};

}  // namespace

std::vector<std::byte> encode_jpeg(const Image& image, int quality) {
  Sink sink;
  const int ok = stbi_write_jpg_to_func(Sink::write, &sink, image.width, image.height, 3, image.pixels.get(), quality);
  return sink.finish(ok);
}

std::vector<std::byte> encode_png(const Image& image) {
  Sink sink;
  const int ok =
      stbi_write_png_to_func(Sink::write, &sink, image.width, image.height, 3, image.pixels.get(), 3 * image.width);
  return sink.finish(ok);
}

struct Font::Data {
  stbtt_fontinfo info;
};

Font::Font(float height) {
  auto data = std::make_shared<Data>();
  if (!stbtt_InitFont(&data->info, cudet_font, 0)) throw Error("the built-in font isn't sound: rebuild the program");
  int ascent = 0, descent = 0, gap = 0;
  stbtt_GetFontVMetrics(&data->info, &ascent, &descent, &gap);
  scale_ = stbtt_ScaleForPixelHeight(&data->info, height);
  ascent_ = scale_ * static_cast<float>(ascent);
  descent_ = -scale_ * static_cast<float>(descent);
  data_ = std::move(data);
}

Glyph Font::glyph(char32_t character) const {
  const int index = stbtt_FindGlyphIndex(&data_->info, static_cast<int>(character));
  int advance = 0, bearing = 0, right = 0, bottom = 0;
  Glyph glyph{};
  stbtt_GetGlyphHMetrics(&data_->info, index, &advance, &bearing);
  glyph.advance = scale_ * static_cast<float>(advance);
  stbtt_GetGlyphBitmapBox(&data_->info, index, scale_, scale_, &glyph.left, &glyph.top, &right, &bottom);
  glyph.width = std::max(0, right - glyph.left);
  glyph.height = std::max(0, bottom - glyph.top);
  glyph.coverage.resize(static_cast<std::size_t>(glyph.width) * glyph.height);
  if (!glyph.coverage.empty())
    stbtt_MakeGlyphBitmap(&data_->info, glyph.coverage.data(), glyph.width, glyph.height, glyph.width, scale_, scale_,
                          index);
  return glyph;
}

float Font::kerning(char32_t left, char32_t right) const {
  return scale_ * static_cast<float>(
                      stbtt_GetCodepointKernAdvance(&data_->info, static_cast<int>(left), static_cast<int>(right)));
}

}  // namespace cudet
