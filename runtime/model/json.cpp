#include "runtime/model/json.h"

#include <string>

#include "kernels/error.h"

namespace cudet {

nlohmann::json parse_json(std::string_view text, int most_depth) {
  const auto callback = [most_depth](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
    if (depth > most_depth) throw Error("nested more than " + std::to_string(most_depth) + " deep");
    return true;
  };
  try {
    return nlohmann::json::parse(text, callback);
  } catch (const nlohmann::json::parse_error& error) {
    throw Error("no JSON: error at byte " + std::to_string(error.byte));
  } catch (const nlohmann::json::exception&) {
    throw Error("no JSON: a number is out of range");
  }
}

}  // namespace cudet
