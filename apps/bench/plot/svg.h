// Pieces of an SVG picture.
#pragma once
#include <string>
#include <string_view>

#include "apps/bench/plot/label_placement.h"

namespace cudet::bench {

/// Text as XML has it: markup escaped; control characters, and bytes that are no UTF-8, become '?'.
std::string escape_xml(std::string_view text);

/// Coordinates with one decimal, any other number as short as it can be said with three digits.
std::string pixels(double value);
std::string digits(double value);

/// About how wide text is in most fonts, pixels; rather more.
double text_width(std::string_view text, double size);

/// `style` are further attributes: "fill=\"#444\" text-anchor=\"middle\"".
std::string svg_text(Point at, double size, std::string_view text, std::string_view style = "");
/// The same on a white edge, to be read above lines and dots.
std::string svg_label(Point at, double size, std::string_view text, std::string_view style = "");
std::string svg_line(Point from, Point to, std::string_view style);
std::string svg_circle(const Dot& dot, std::string_view style);

}  // namespace cudet::bench
