#include "apps/image/stb.h"

#include <algorithm>
#include <cstdlib>
#include <new>

#include "apps/image/encode.h"
#include "kernels/error.h"

namespace {

/// The memory of a call of stb_truetype, which does not check every allocation. Freed as a whole, because an exception
/// passes through its functions.
class Arena {
 public:
  void* allocate(std::size_t bytes) {
    blocks_.emplace_back(nullptr, std::free);
    blocks_.back().reset(std::malloc(bytes));
    if (!blocks_.back()) throw std::bad_alloc();
    return blocks_.back().get();
  }

 private:
  std::vector<std::unique_ptr<void, void (*)(void*)>> blocks_;
};

}  // namespace

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wall"
#pragma GCC diagnostic ignored "-Wextra"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#define STBI_WRITE_NO_STDIO
#define STB_IMAGE_WRITE_STATIC
#define STB_IMAGE_WRITE_IMPLEMENTATION
#include <stb/stb_image_write.h>
#define STBTT_malloc(bytes, user) static_cast<Arena*>(user)->allocate(bytes)
#define STBTT_free(memory, user) ((void)(user), (void)(memory))
#define STBTT_STATIC
#define STB_TRUETYPE_IMPLEMENTATION
#include <stb/stb_truetype.h>
#pragma GCC diagnostic pop

extern "C" const unsigned char cudet_font[];  // font.S

namespace cudet {
namespace {

/// Collects the encoded JPEG, which stb passes in parts to a C callback. Exceptions must not pass through stb.
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
  Arena arena;
  stbtt_fontinfo info = data_->info;
  info.userdata = &arena;
  const int index = stbtt_FindGlyphIndex(&info, static_cast<int>(character));
  int advance = 0, bearing = 0, right = 0, bottom = 0;
  Glyph glyph{};
  stbtt_GetGlyphHMetrics(&info, index, &advance, &bearing);
  glyph.advance = scale_ * static_cast<float>(advance);
  stbtt_GetGlyphBitmapBox(&info, index, scale_, scale_, &glyph.left, &glyph.top, &right, &bottom);
  glyph.width = std::max(0, right - glyph.left);
  glyph.height = std::max(0, bottom - glyph.top);
  glyph.coverage.resize(static_cast<std::size_t>(glyph.width) * glyph.height);
  if (!glyph.coverage.empty())
    stbtt_MakeGlyphBitmap(&info, glyph.coverage.data(), glyph.width, glyph.height, glyph.width, scale_, scale_, index);
  return glyph;
}

float Font::kerning(char32_t left, char32_t right) const {
  return scale_ * static_cast<float>(
                      stbtt_GetCodepointKernAdvance(&data_->info, static_cast<int>(left), static_cast<int>(right)));
}

}  // namespace cudet
