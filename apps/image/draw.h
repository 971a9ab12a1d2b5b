// Boxes and labels on pictures.
#pragma once
#include <array>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "apps/image/image.h"
#include "apps/image/stb.h"

namespace cudet {

using Colour = std::array<std::uint8_t, 3>;  // red, green, blue

/// A colour for a class, always the same; neighbours differ clearly.
Colour class_colour(int class_id);

/// Black or white, whichever is easier to read on the colour.
Colour text_colour(const Colour& background);

/// Fills the rectangle from (left, top) to before (right, bottom), as far as it is within the picture.
void fill(Image& image, int left, int top, int right, int bottom, const Colour& colour);

/// Code points of UTF-8 text; what isn't valid becomes U+FFFD, and control characters spaces.
std::u32string decode_utf8(std::string_view text);

/// Where a label was drawn, pixels: from (left, top) to before (right, bottom).
struct Area {
  int left, top, right, bottom;
};

/// Draws with lines and letters that suit a picture's size. Keeps the glyphs that it has met.
class Painter {
 public:
  /// For pictures of about this size, pixels.
  Painter(int width, int height);

  /// The outline of a box, its corners in pixels of the picture; what is outside of it is not drawn.
  void box(Image& image, const std::array<float, 4>& corners, const Colour& colour) const;
  /// A label on the box: above its upper left corner, or within the box where there is no room above. It stays inside
  /// the picture; a text that is wider than it loses its end.
  Area label(Image& image, const std::array<float, 4>& corners, std::string_view text, const Colour& colour);

 private:
  const Glyph& glyph(char32_t character);

  int line_;  // width, pixels
  Font font_;
  std::map<char32_t, Glyph> glyphs_;
};

}  // namespace cudet
