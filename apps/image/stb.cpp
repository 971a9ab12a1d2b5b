#include "apps/image/stb.h"

#include <algorithm>
#include <climits>
#include <new>

#include "kernels/error.h"

namespace cudet {
namespace {

// Thread-local, since stb's allocation functions take no user argument and a decoder runs on one thread.
thread_local std::size_t allocation_limit = SIZE_MAX;  // bytes per allocation
thread_local bool out_of_memory = false;               // an allocation within the limit failed

void* note_failure(void* memory) {
  if (!memory) out_of_memory = true;
  return memory;
}
// Zeroed, since a JPEG can use tables that it does not define and omit blocks.
void* limited_malloc(std::size_t size) {
  return size > allocation_limit ? nullptr : note_failure(std::calloc(size, 1));
}
void* limited_realloc(void* p, std::size_t size) {
  return size > allocation_limit ? nullptr : note_failure(std::realloc(p, size));
}

/// Limits the size of each allocation of stb on this thread during its lifetime.
struct AllocationLimit {
  explicit AllocationLimit(std::size_t bytes) {
    allocation_limit = bytes;
    out_of_memory = false;
  }
  ~AllocationLimit() { allocation_limit = SIZE_MAX; }
  AllocationLimit(const AllocationLimit&) = delete;  // limits do not nest
  AllocationLimit& operator=(const AllocationLimit&) = delete;
};

}  // namespace
}  // namespace cudet

// On damaged data stb's JPEG decoder shifts zeros by 32 bits or more, and sums of coefficients overflow. This affects
// pixel values only, never addresses, so it is allowed here.
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
  if (file.size() > INT_MAX) throw Error(name + ": the image file is larger than 2 GiB");
  // JPEG planes are padded to blocks of up to 32 x 32. A pixel has up to 4 channels of 16 bits, and stb grows its
  // buffers by doubling. kState covers stb's own state.
  constexpr std::size_t kBlock = 32, kBytesPerPixel = 2 * 8, kState = 1 << 16;
  const std::size_t pixels = (width + kBlock) * (height + kBlock);
  const AllocationLimit limit(pixels * kBytesPerPixel + file.size() * 2 + kState);
  Image image;
  int stored = 0;
  image.pixels.reset(stbi_load_from_memory(reinterpret_cast<const stbi_uc*>(file.data()), static_cast<int>(file.size()),
                                           &image.width, &image.height, &stored, 3));
  if (!image.pixels && out_of_memory) throw std::bad_alloc();
  if (!image.pixels) {
    const char* const reason = stbi_failure_reason();  // null for some invalid images
    throw Error(name + ": invalid image: " + (reason ? reason : "it cannot be decoded"));
  }
  if (image.width != width || image.height != height)
    throw Error(name + ": invalid image: the decoded size differs from the header");
  return image;
}

namespace {

/// Collects the encoded file, which stb passes in parts to a C callback. Exceptions must not pass through stb.
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
  if (!stbtt_InitFont(&data->info, cudet_font, 0)) throw Error("the built-in font is invalid: rebuild the program");
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
