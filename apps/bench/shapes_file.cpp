#include "apps/bench/shapes_file.h"

#include "kernels/error.h"
#include "kernels/shape_text.h"
#include "runtime/model/file.h"

namespace cudet::bench {
namespace {

constexpr std::size_t kMaxFileBytes = 1 << 20;

}  // namespace

std::vector<Step> read_shapes_file(const std::string& path, std::string_view name) {
  const std::vector<std::byte> bytes = read_file(path, kMaxFileBytes);
  const std::string_view file(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  std::vector<Step> steps;
  int number = 0;
  for (const std::string_view line : split(file, '\n')) {
    ++number;
    ShapeParser words(line.substr(0, line.find('#')));
    if (words.empty()) continue;
    const std::string_view operator_name = words.take("the operator");
    if (!name.empty() && operator_name != name) continue;
    try {
      steps.push_back(parse_step(operator_name, words.rest()));
    } catch (const Error& error) {
      throw Error(path + ":" + std::to_string(number) + ": " + error.what());
    }
  }
  if (steps.empty())
    throw Error(path + ": has no line " + (name.empty() ? "\"OPERATOR SHAPE\"" : "for operator " + quoted(name)));
  return steps;
}

}  // namespace cudet::bench
