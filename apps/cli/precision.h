// Names of precisions in command lines and reports.
#pragma once
#include <string>
#include <string_view>

#include "runtime/cudet.h"

namespace cudet {

/// Parses "auto", "fp32", "fp16" or "int8". Throws Error, which names the option, for any other text.
Precision parse_precision(std::string_view option, const std::string& text);
/// The inverse of parse_precision().
std::string name_of(Precision precision);

}  // namespace cudet
