// JSON of others.
#pragma once
#include <nlohmann/json.hpp>
#include <string_view>

namespace cudet {

/// Throws Error for what is no JSON, or nested more than `most_depth` deep.
nlohmann::json parse_json(std::string_view text, int most_depth);

}  // namespace cudet
