// Draws boxes and labels on images.
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

/// Returns a fixed colour per class; consecutive classes have clearly different colours.
Colour class_colour(int class_id);

/// Returns black or white, whichever has more contrast with the background.
Colour text_colour(const Colour& background);

/// Fills the rectangle from (left, top) inclusive to (right, bottom) exclusive, clipped to the image.
void fill(Image& image, int left, int top, int right, int bottom, const Colour& colour);

/// Decodes UTF-8 to code points. Invalid sequences become U+FFFD, control characters become spaces.
std::u32string decode_utf8(std::string_view text);

/// Rectangle of a label in pixels: (left, top) inclusive to (right, bottom) exclusive.
struct Area {
  int left, top, right, bottom;
};

/// Draws with a line width and a font size that fit the image size. Caches glyphs.
class Painter {
 public:
  /// width, height: size of the images, pixels.
  Painter(int width, int height);

  /// Draws the outline of a box, clipped to the image. corners: x1, y1, x2, y2 in pixels.
  void box(Image& image, const std::array<float, 4>& corners, const Colour& colour) const;
  /// Draws a label above the upper left corner of the box, or inside the box if there is no space above. The label is
  /// moved to stay inside the image; text that is wider than the image is cut at its end. Returns the rectangle of the
  /// label.
  Area label(Image& image, const std::array<float, 4>& corners, std::string_view text, const Colour& colour);

 private:
  const Glyph& glyph(char32_t character);

  int line_;  // width, pixels
  Font font_;
  std::map<char32_t, Glyph> glyphs_;
};

}  // namespace cudet
