#include "apps/detect/format.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>

namespace cudet::detect {

std::string json_string(std::string_view text) {
  using nlohmann::json;  // its arrays and objects abort without memory; texts do not
  return json(text).dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string json_number(float value) {
  if (!std::isfinite(value)) return "null";
  char digits[32];
  const auto written = std::to_chars(digits, digits + sizeof digits, value);
  return {digits, written.ptr};
}

std::string rounded_number(double value, int decimals) {
  if (!std::isfinite(value)) return "null";
  char digits[64];
  std::snprintf(digits, sizeof digits, "%.*f", decimals, value);
  std::string number = digits;
  while (number.ends_with('0') && !number.ends_with(".0")) number.pop_back();
  return number;
}

std::string csv_field(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string field = "\"";
  for (const char c : text) field += c == '"' ? std::string("\"\"") : std::string(1, c);
  return field + '"';
}

std::string printable(std::string_view text) {
  std::string line(text);
  for (char& c : line)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  return line;
}

std::string count(std::size_t number, std::string_view noun) {
  return std::to_string(number) + " " + std::string(noun) + (number == 1 ? "" : "s");
}

std::string summary(const std::vector<Detection>& detections, const std::vector<std::string>& names) {
  std::map<int, int> counts;
  for (const Detection& d : detections) ++counts[d.class_id];
  std::vector<std::pair<int, int>> order(counts.begin(), counts.end());
  std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string text;
  for (const auto& [id, count] : order)
    text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + printable(names.at(id));
  return text.empty() ? "nothing" : text;
}

}  // namespace cudet::detect
