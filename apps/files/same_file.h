// Keeps programs from replacing their inputs, and from writing two outputs to one file.
#pragma once
#include <string>

namespace cudet {

/// Returns the path of the file that a write to `path` creates or replaces, with links and ".." resolved also if the
/// file does not exist yet.
std::string resolve_output(const std::string& path);

/// Whether a path is standard output: "-", or a name of the file, pipe or socket that it is. A device such as /dev/null
/// can be opened twice without harm.
bool is_standard_output(const std::string& path);

/// Throws Error if the path of an output is standard output, which has text of its own.
void refuse_standard_output(const std::string& output);
/// Throws Error if the path `output` leads to the file `input`, also through links.
void refuse_same_file(const std::string& output, const std::string& input);
/// The same for two outputs.
void refuse_same_outputs(const std::string& one, const std::string& other);

}  // namespace cudet
