#include "runtime/model/json.h"

#include <string>

#include "kernels/error.h"

namespace cudet {

nlohmann::json parse_json(std::string_view text, int max_depth) {
  const auto callback = [max_depth](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
    if (depth > max_depth) throw Error("nested deeper than " + std::to_string(max_depth) + " levels");
    return true;
  };
  try {
    return nlohmann::json::parse(text, callback);
  } catch (const nlohmann::json::parse_error& error) {
    throw Error("not JSON: error at byte " + std::to_string(error.byte));
  } catch (const nlohmann::json::exception&) {
    throw Error("not JSON: a number is out of range");
  }
}

}  // namespace cudet
