// Files of operators at shapes, as apps/bench/shapes/*.txt and `inspect --shapes` write them.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "runtime/step.h"

namespace cudet::bench {

/// Reads the steps of a file with one "OPERATOR SHAPE" per line (kernels/shape_text.h); only those of the operator
/// `name`, unless it is empty. Ignores blank lines and text after '#'. Throws Error with the line's number, or if the
/// file has no such step.
std::vector<Step> read_shapes_file(const std::string& path, std::string_view name);

}  // namespace cudet::bench
