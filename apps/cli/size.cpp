#include "apps/cli/size.h"

#include <charconv>

namespace cudet {

SizeOption parse_size(std::string_view option, const std::string& text) {
  const auto side = [&](std::string_view digits) {
    int value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size() || value < 1 || value > kMaxInput)
      throw Error(std::string(option) + " " + text + ": expected N or HxW, whole numbers from 1 to " +
                  std::to_string(kMaxInput));
    return value;
  };
  const std::string_view all = text;
  const std::size_t cross = all.find_first_of("xX");
  if (cross == std::string_view::npos) return {{side(all), side(all)}, false};
  return {{side(all.substr(0, cross)), side(all.substr(cross + 1))}, true};
}

}  // namespace cudet
