// Elements of an SVG image.
#pragma once
#include <string>
#include <string_view>

#include "apps/bench/plot/label_placement.h"

namespace cudet::bench {

/// Escapes text for XML. Control characters, and bytes that are not UTF-8, become '?'.
std::string escape_xml(std::string_view text);

/// Formats a coordinate with one decimal.
std::string pixels(double value);
/// Formats any other number with up to three significant digits, as short as possible.
std::string digits(double value);

/// Estimates the width of text in pixels, slightly too high for most fonts.
double text_width(std::string_view text, double size);

/// `style` holds more attributes: "fill=\"#444\" text-anchor=\"middle\"".
std::string svg_text(Point at, double size, std::string_view text, std::string_view style = "");
/// Text with a white outline, to be readable above lines and dots.
std::string svg_label(Point at, double size, std::string_view text, std::string_view style = "");
std::string svg_line(Point from, Point to, std::string_view style);
std::string svg_circle(const Dot& dot, std::string_view style);

}  // namespace cudet::bench
