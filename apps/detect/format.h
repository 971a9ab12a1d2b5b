// Formats values as JSON, CSV and console text.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "runtime/cudet.h"

namespace cudet::detect {

/// Returns a JSON string including its quotes. Bytes that are not valid UTF-8 become U+FFFD.
std::string json_string(std::string_view text);
/// Returns the shortest JSON number that parses to the same float; "null" if the value is not finite.
std::string json_number(float value);
/// Returns a JSON number rounded to at most `decimals` decimals. At least one decimal is written, as Python does.
/// Returns "null" if the value is not finite.
std::string rounded_number(double value, int decimals);

/// Returns a CSV field (RFC 4180), in quotes if it contains a comma, a quote or a line break.
std::string csv_field(std::string_view text);

/// Replaces control characters by '?', for lines on a terminal.
std::string printable(std::string_view text);

/// Returns a number with its noun in singular or plural: "1 image", "2 images".
std::string count(std::size_t number, std::string_view noun);

/// Returns the number of detections per class, most frequent class first: "4 person, 1 bus"; "nothing" if there are
/// none.
std::string summary(const std::vector<Detection>& detections, const std::vector<std::string>& names);

}  // namespace cudet::detect
