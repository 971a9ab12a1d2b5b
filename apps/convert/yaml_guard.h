// Keeps from the YAML parser what would make it go deep.
#pragma once
#include <string>

namespace cudet::convert {

/// Throws Error, without a path, where the text is larger than a network's YAML ever is or nests deeper. A quick look
/// at brackets and at how lines begin: what it lets through, the parser's own limit of depth still meets.
void check_yaml_size(const std::string& text);

}  // namespace cudet::convert
