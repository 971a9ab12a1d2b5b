// The seam to the stb libraries (public domain): nothing else includes them.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "apps/image/bytes.h"
#include "apps/image/image.h"

namespace cudet {

/// Decodes a JPEG or PNG whose header has been checked and says `width` and `height`. The decoder gets no piece of
/// memory larger than such a picture or the file can fill, so that a PNG that unpacks without end fails early. Throws
/// Error, starting with `name`.
Image stb_decode(Bytes file, const std::string& name, int width, int height);

/// The file of a picture. Quality: 1 to 100. Throws std::bad_alloc.
std::vector<std::byte> encode_jpeg(const Image& image, int quality);
std::vector<std::byte> encode_png(const Image& image);

/// A glyph as the font draws it.
struct Glyph {
  int width, height;                   // pixels, of the coverage
  int left, top;                       // of the coverage's corner from the pen on the base line, pixels; y points down
  float advance;                       // of the pen, pixels
  std::vector<std::uint8_t> coverage;  // height, width: 0 (none) to 255 (full)
};

/// DejaVu Sans, which the program carries within itself.
class Font {
 public:
  /// At a height from the highest ascender to the lowest descender, pixels.
  explicit Font(float height);

  Glyph glyph(char32_t character) const;
  float kerning(char32_t left, char32_t right) const;  ///< pixels, added between the two
  float ascent() const { return ascent_; }             ///< above the base line, pixels
  float descent() const { return descent_; }           ///< below it, pixels

 private:
  struct Data;
  std::shared_ptr<const Data> data_;
  float scale_, ascent_, descent_;
};

}  // namespace cudet
