// Parses untrusted JSON.
#pragma once
#include <nlohmann/json.hpp>
#include <string_view>

namespace cudet {

/// Throws Error if the text is not JSON or is nested deeper than `max_depth`.
nlohmann::json parse_json(std::string_view text, int max_depth);

}  // namespace cudet
