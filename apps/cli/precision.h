// Precisions as command lines and reports say them.
#pragma once
#include <string>
#include <string_view>

#include "runtime/cudet.h"

namespace cudet {

/// "auto", "fp32", "fp16" or "int8". Throws Error that names the option.
Precision parse_precision(std::string_view option, const std::string& text);
std::string name_of(Precision precision);

}  // namespace cudet
