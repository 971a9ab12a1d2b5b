// Parses the size of the network input from a command line.
#pragma once
#include <string>
#include <string_view>

#include "runtime/cudet.h"

namespace cudet {

struct SizeOption {
  Size size;
  bool exact;  ///< both sides were given: HxW
};

/// "640" sets both sides; "384x640" or "384X640" sets height and width. Throws Error, which names the option, if a side
/// is not a whole number from 1 to kMaxInput.
SizeOption parse_size(std::string_view option, const std::string& text);

}  // namespace cudet
