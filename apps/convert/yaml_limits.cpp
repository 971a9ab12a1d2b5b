#include "apps/convert/yaml_limits.h"

#include <algorithm>
#include <string_view>

#include "kernels/error.h"

namespace cudet::convert {
namespace {

constexpr std::size_t kMaxBytes = 1 << 20;
constexpr int kMaxDepth = 64;
constexpr std::size_t kMaxIndent = 2 * kMaxDepth;

/// Returns the start of a line: white space, and each "- " and "? ", which open a level.
std::string_view line_start(std::string_view line) {
  const std::size_t end = line.find_first_not_of(" \t-?");
  return line.substr(0, end);
}

}  // namespace

void check_yaml_limits(const std::string& text) {
  if (text.size() > kMaxBytes) throw Error("is larger than 1 MB: not the YAML of a network");
  int depth = 0;
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::size_t end = rest.find_first_of("\r\n");
    const std::string_view line = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    const std::string_view start = line_start(line);
    if (start.size() == line.size()) continue;  // blank, or "---"
    if (start.size() > kMaxIndent) throw Error("is nested too deeply for the YAML of a network");
    for (const char c : line) {
      if (c == '[' || c == '{') ++depth;
      if (c == ']' || c == '}') depth = std::max(0, depth - 1);
      if (depth > kMaxDepth) throw Error("is nested too deeply for the YAML of a network");
    }
  }
}

}  // namespace cudet::convert
