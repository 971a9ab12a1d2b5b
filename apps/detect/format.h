// Values as text: JSON, CSV, lines for people.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "runtime/cudet.h"

namespace cudet::detect {

/// A JSON string, quotes included. Bytes that aren't UTF-8 become U+FFFD.
std::string json_string(std::string_view text);
/// The shortest JSON number that reads back as the same float; null if it isn't finite.
std::string json_number(float value);
/// A JSON number rounded to some decimals, at least one of which is written, as Python does; null if it isn't finite.
std::string rounded_number(double value, int decimals);

/// A field of RFC 4180: in quotes where it holds a comma, a quote or a line break.
std::string csv_field(std::string_view text);

/// For a line on a terminal: control characters become '?'.
std::string printable(std::string_view text);

/// What was found, most frequent class first: "4 person, 1 bus"; "nothing".
std::string summary(const std::vector<Detection>& detections, const std::vector<std::string>& names);

}  // namespace cudet::detect
