// Keeps programs from replacing their inputs.
#pragma once
#include <string>

namespace cudet {

/// Throws Error if the path `output` is the file `input`, also by a link. Files that do not exist are no such case.
void refuse_same_file(const std::string& output, const std::string& input);
/// The same for two outputs.
void refuse_same_outputs(const std::string& one, const std::string& other);

}  // namespace cudet
