// Converts a caught exception to the one-line error message that a program prints.
#pragma once
#include <string>

namespace cudet {

/// Call this from a catch block. Returns the message of an Error unchanged; the message of any other exception is
/// prefixed with `file` ("best.pt: out of memory").
std::string explain(const std::string& file);

/// Returns a line of at most 1000 bytes for a terminal: control characters become '?', and the middle of a longer line,
/// which can quote a text of a file, becomes "...".
std::string terminal_line(std::string line);

}  // namespace cudet
