// The text that Python's str() makes of a pickled value.
#pragma once
#include <optional>
#include <string>

#include "apps/checkpoint/pickle.h"

namespace cudet::convert {

/// Whether bytes are UTF-8 as pickles have it, in which surrogates can occur alone.
bool is_python_utf8(std::string_view bytes);

/// Returns str(value) of a str, bytes, int, float, bool, None, or scalar of numpy except float16. Returns nothing for
/// other values.
std::optional<std::string> python_text(PickleValue value);

/// Returns int(value) of an int, a whole float, or a str of decimal digits, also as scalars of numpy. Returns nothing
/// for other values.
std::optional<std::int64_t> python_integer(PickleValue value);

}  // namespace cudet::convert
