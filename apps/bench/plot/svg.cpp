#include "apps/bench/plot/svg.h"

#include <cstdio>

namespace cudet::bench {
namespace {

/// Length in bytes of the UTF-8 character at the start of the text; 0 if there is no valid one.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const std::size_t length = byte(0) < 0x80 ? 1 : byte(0) < 0xc2 ? 0 : byte(0) < 0xe0 ? 2 : byte(0) < 0xf0 ? 3 : 4;
  if (length == 0 || length > text.size() || byte(0) > 0xf4) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xc0) != 0x80) return 0;
  // Overlong encodings, halves of surrogate pairs, values above U+10FFFF; and U+FFFE, U+FFFF, which XML does not allow.
  if (length == 3 && ((byte(0) == 0xe0 && byte(1) < 0xa0) || (byte(0) == 0xed && byte(1) > 0x9f))) return 0;
  if (length == 3 && byte(0) == 0xef && byte(1) == 0xbf && byte(2) > 0xbd) return 0;
  if (length == 4 && ((byte(0) == 0xf0 && byte(1) < 0x90) || (byte(0) == 0xf4 && byte(1) > 0x8f))) return 0;
  return length;
}

}  // namespace

std::string escape_xml(std::string_view text) {
  std::string xml;
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const char c = text[0];
    if (length == 0 || static_cast<unsigned char>(c) < ' ' || c == 0x7f)
      xml += '?';
    else if (c == '&')
      xml += "&amp;";
    else if (c == '<')
      xml += "&lt;";
    else if (c == '>')
      xml += "&gt;";
    else if (c == '"')
      xml += "&quot;";
    else
      xml += text.substr(0, length);
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return xml;
}

std::string pixels(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

std::string digits(double value) {
  char text[32];
  std::snprintf(text, sizeof text, value >= 1000 && value < 1e6 ? "%.0f" : "%.3g", value);
  return text;
}

double text_width(std::string_view text, double size) {
  double letters = 0;
  for (const char c : text) {
    if ((static_cast<unsigned char>(c) & 0xc0) == 0x80) continue;  // a continuation byte of UTF-8
    const bool narrow = std::string_view(" .,:;'|ijlft()").find(c) != std::string_view::npos;
    const bool wide = std::string_view("mwMW%").find(c) != std::string_view::npos;
    letters += narrow ? 0.36 : wide ? 0.95 : c >= 'A' && c <= 'Z' ? 0.7 : 0.62;
  }
  return letters * size;
}

std::string svg_text(Point at, double size, std::string_view text, std::string_view style) {
  return "<text x=\"" + pixels(at.x) + "\" y=\"" + pixels(at.y) + "\" font-size=\"" + pixels(size) + "\" " +
         std::string(style) + ">" + escape_xml(text) + "</text>\n";
}

std::string svg_label(Point at, double size, std::string_view text, std::string_view style) {
  const std::string edge = "stroke=\"white\" stroke-width=\"3\" stroke-linejoin=\"round\" ";
  return svg_text(at, size, text, edge + std::string(style)) + svg_text(at, size, text, style);
}

std::string svg_line(Point from, Point to, std::string_view style) {
  return "<line x1=\"" + pixels(from.x) + "\" y1=\"" + pixels(from.y) + "\" x2=\"" + pixels(to.x) + "\" y2=\"" +
         pixels(to.y) + "\" " + std::string(style) + "/>\n";
}

std::string svg_circle(const Dot& dot, std::string_view style) {
  return "<circle cx=\"" + pixels(dot.centre.x) + "\" cy=\"" + pixels(dot.centre.y) + "\" r=\"" + pixels(dot.radius) +
         "\" " + std::string(style) + "/>\n";
}

}  // namespace cudet::bench
