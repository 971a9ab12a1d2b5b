// Wraps stb_truetype (public domain), which draws glyphs. stb.cpp alone includes the stb libraries.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace cudet {

/// A rendered glyph.
struct Glyph {
  int width, height;                   // size of the coverage, pixels
  int left, top;                       // upper left corner of the coverage relative to the pen on the baseline; y down
  float advance;                       // movement of the pen, pixels
  std::vector<std::uint8_t> coverage;  // height, width: 0 (none) to 255 (full)
};

/// DejaVu Sans, embedded in the program (font.S).
class Font {
 public:
  /// Functions throw std::bad_alloc. height: from the highest ascender to the lowest descender, pixels.
  explicit Font(float height);

  Glyph glyph(char32_t character) const;
  float kerning(char32_t left, char32_t right) const;  ///< pixels, added between the two characters
  float ascent() const { return ascent_; }             ///< above the baseline, pixels
  float descent() const { return descent_; }           ///< below the baseline, pixels

 private:
  struct Data;
  std::shared_ptr<const Data> data_;
  float scale_, ascent_, descent_;
};

}  // namespace cudet
