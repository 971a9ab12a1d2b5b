// Limits the size and the nesting of YAML text before it is parsed.
#pragma once
#include <string>

namespace cudet::convert {

/// Throws Error, without a path, if the text is larger or nested deeper than the YAML of any network. This is a fast
/// check of brackets and of the starts of lines; the parser has its own depth limit for what this check does not find.
void check_yaml_limits(const std::string& text);

}  // namespace cudet::convert
