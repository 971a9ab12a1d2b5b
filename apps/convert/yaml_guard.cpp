#include "apps/convert/yaml_guard.h"

#include <algorithm>
#include <string_view>

#include "kernels/error.h"

namespace cudet::convert {
namespace {

constexpr std::size_t kMostBytes = 1 << 20;
constexpr int kMostDepth = 64;
constexpr std::size_t kMostIndent = 2 * kMostDepth;

/// Blanks, and the "- " and "? " that each open a level, at a line's start.
std::string_view line_start(std::string_view line) {
  const std::size_t end = line.find_first_not_of(" \t-?");
  return line.substr(0, end);
}

}  // namespace

void check_yaml_size(const std::string& text) {
  if (text.size() > kMostBytes) throw Error("larger than 1 MB: not a network's YAML");
  int depth = 0;
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::size_t end = rest.find_first_of("\r\n");
    const std::string_view line = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    const std::string_view start = line_start(line);
    if (start.size() == line.size()) continue;  // blank, or "---"
    if (start.size() > kMostIndent) throw Error("nested too deep for a network's YAML");
    for (const char c : line) {
      if (c == '[' || c == '{') ++depth;
      if (c == ']' || c == '}') depth = std::max(0, depth - 1);
      if (depth > kMostDepth) throw Error("nested too deep for a network's YAML");
    }
  }
}

}  // namespace cudet::convert
