#include "apps/image/draw.h"

#include <algorithm>
#include <cmath>

namespace cudet {
namespace {

/// Converts HSV to RGB. hue: in turns (1 is a full circle); saturation, value: 0 to 1.
Colour from_hsv(double hue, double saturation, double value) {
  Colour colour{};
  for (int k = 0; k < 3; ++k) {
    constexpr double kOffset[3] = {5, 3, 1};  // red, green, blue on the hue hexagon, in sixths of a turn
    const double position = std::fmod(kOffset[k] + hue * 6, 6);
    const double weight = std::clamp(std::min(position, 4 - position), 0.0, 1.0);
    colour[k] = static_cast<std::uint8_t>(std::lround(255 * value * (1 - saturation * weight)));
  }
  return colour;
}

/// Rounds a box coordinate and clamps it to 0..size. NaN becomes 0.
int to_pixel(float value, int size) {
  if (!(value >= 0)) return 0;
  return value >= static_cast<float>(size) ? size : static_cast<int>(std::lround(value));
}

void blend(std::uint8_t* pixel, const Colour& colour, int coverage) {
  for (int k = 0; k < 3; ++k)
    pixel[k] = static_cast<std::uint8_t>((pixel[k] * (255 - coverage) + colour[k] * coverage + 127) / 255);
}

int line_width(int width, int height) {
  return std::max(2, static_cast<int>(std::lround(0.0015 * (width + height))));
}

float font_height(int width, int height) {
  constexpr float kMinimum = 13;  // pixels: the smallest legible text
  return std::max(kMinimum, 0.0125f * static_cast<float>(width + height));
}

}  // namespace

Colour class_colour(int class_id) {
  constexpr double kGolden = 0.6180339887498949;  // golden ratio, turns: each hue is far from the hues before it
  constexpr double kStart = 0.58;                 // the first class is blue
  constexpr double kTones[3][2] = {{0.85, 1.0}, {0.55, 1.0}, {0.9, 0.7}};
  const auto& [saturation, value] = kTones[class_id % 3];
  return from_hsv(std::fmod(kStart + class_id * kGolden, 1), saturation, value);
}

Colour text_colour(const Colour& background) {
  const int luma = (299 * background[0] + 587 * background[1] + 114 * background[2]) / 1000;  // ITU-R BT.601
  return luma > 140 ? Colour{0, 0, 0} : Colour{255, 255, 255};
}

void fill(Image& image, int left, int top, int right, int bottom, const Colour& colour) {
  for (int y = std::max(0, top); y < std::min(image.height, bottom); ++y)
    for (int x = std::max(0, left); x < std::min(image.width, right); ++x)
      std::copy(colour.begin(), colour.end(), image.at(x, y));
}

std::u32string decode_utf8(std::string_view text) {
  constexpr char32_t kReplacement = 0xfffd;
  std::u32string characters;
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i++]);
    const int more = lead < 0x80 ? 0 : lead >> 5 == 6 ? 1 : lead >> 4 == 14 ? 2 : lead >> 3 == 30 ? 3 : -1;
    char32_t character = more <= 0 ? lead : lead & (0x3f >> more);
    int read = 0;
    for (; read < more && i < text.size() && (text[i] & 0xc0) == 0x80; ++read, ++i)
      character = character << 6 | (text[i] & 0x3f);
    constexpr char32_t kMinimum[4] = {0, 0x80, 0x800, 0x10000};  // smaller code points need a shorter encoding
    const bool valid = more >= 0 && read == more && character >= kMinimum[more] && character <= 0x10ffff &&
                       !(character >= 0xd800 && character < 0xe000);
    const bool control = character < 0x20 || (character >= 0x7f && character < 0xa0);
    characters += !valid ? kReplacement : control ? U' ' : character;
  }
  return characters;
}

Painter::Painter(int width, int height) : line_(line_width(width, height)), font_(font_height(width, height)) {}

void Painter::box(Image& image, const std::array<float, 4>& corners, const Colour& colour) const {
  const int left = to_pixel(corners[0], image.width), top = to_pixel(corners[1], image.height);
  const int right = to_pixel(corners[2], image.width), bottom = to_pixel(corners[3], image.height);
  const int inner_top = std::min(top + line_, bottom), inner_bottom = std::max(bottom - line_, top);
  fill(image, left, top, right, inner_top, colour);
  fill(image, left, inner_bottom, right, bottom, colour);
  fill(image, left, top, std::min(left + line_, right), bottom, colour);
  fill(image, std::max(right - line_, left), top, right, bottom, colour);
}

Area Painter::label(Image& image, const std::array<float, 4>& corners, std::string_view text, const Colour& colour) {
  const std::u32string characters = decode_utf8(text);
  const int margin = line_ + 2;
  const int ascent = static_cast<int>(std::ceil(font_.ascent()));
  const int height = ascent + static_cast<int>(std::ceil(font_.descent())) + margin / 2 * 2;

  std::vector<float> pens;  // start of each character that fits into the image, relative to the start of the text
  float pen = 0;
  for (std::size_t i = 0; i < characters.size() && pen < static_cast<float>(image.width); ++i) {
    if (i > 0) pen += font_.kerning(characters[i - 1], characters[i]);
    pens.push_back(pen);
    pen += glyph(characters[i]).advance;
  }
  const int width = static_cast<int>(std::ceil(pen)) + 2 * margin;

  const int box_left = to_pixel(corners[0], image.width), box_top = to_pixel(corners[1], image.height);
  Area area{};
  area.left = std::max(0, std::min(box_left, image.width - width));
  area.top = std::max(0, std::min(box_top >= height ? box_top - height : box_top, image.height - height));
  area.right = std::min(area.left + width, image.width);
  area.bottom = std::min(area.top + height, image.height);
  fill(image, area.left, area.top, area.right, area.bottom, colour);

  const Colour ink = text_colour(colour);
  for (std::size_t i = 0; i < pens.size(); ++i) {
    const Glyph& drawn = glyph(characters[i]);
    const int left = area.left + margin + static_cast<int>(std::lround(pens[i])) + drawn.left;
    const int top = area.top + margin / 2 + ascent + drawn.top;
    for (int y = std::max(0, area.top - top); y < drawn.height && top + y < area.bottom; ++y)
      for (int x = std::max(0, area.left - left); x < drawn.width && left + x < area.right; ++x)
        blend(image.at(left + x, top + y), ink, drawn.coverage[static_cast<std::size_t>(y) * drawn.width + x]);
  }
  return area;
}

const Glyph& Painter::glyph(char32_t character) {
  const auto found = glyphs_.find(character);
  return found != glyphs_.end() ? found->second : glyphs_.emplace(character, font_.glyph(character)).first->second;
}

}  // namespace cudet
