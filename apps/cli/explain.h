// What went wrong, as the one line that a program prints.
#pragma once
#include <string>

namespace cudet {

/// To be called where an exception was caught: an Error's own line; of any other exception what it says, behind `file`
/// ("best.pt: out of memory").
std::string explain(const std::string& file);

}  // namespace cudet
