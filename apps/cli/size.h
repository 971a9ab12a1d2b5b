// The input's size as command lines say it.
#pragma once
#include <string>
#include <string_view>

#include "runtime/cudet.h"

namespace cudet {

struct SizeOption {
  Size size;
  bool exact;  ///< both sides were given
};

/// "640": both sides; "384x640" or "384X640": height and width. Throws Error that names the option where a side isn't a
/// whole number from 1 to kMaxInput.
SizeOption parse_size(std::string_view option, const std::string& text);

}  // namespace cudet
