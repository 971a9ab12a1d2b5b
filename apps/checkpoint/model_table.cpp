#include "apps/checkpoint/model_table.h"

#include <cmath>

namespace cudet::convert {
namespace {

using Json = nlohmann::ordered_json;

/// Returns an integer if the value is whole, so that it is written without a fraction.
Json short_number(double value) {
  return value == std::floor(value) && std::abs(value) < 1e15 ? Json(static_cast<std::int64_t>(value)) : Json(value);
}

/// Writes JSON on one line with a space after each comma. Bytes that are not UTF-8 are replaced.
std::string text(const Json& json) {
  if (json.is_array() || json.is_object()) {
    std::string joined;
    for (const auto& [key, value] : json.items()) {
      if (!joined.empty()) joined += ", ";
      if (json.is_object()) joined += text(key) + ": ";
      joined += text(value);
    }
    return json.is_array() ? "[" + joined + "]" : "{" + joined + "}";
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json rows_to_json(const std::vector<ModelRow>& rows) {
  Json all = Json::array();
  for (const ModelRow& row : rows) all.push_back({row.from, row.repeats, row.module, row.arguments});
  return all;
}

std::string section(const std::string& name, const Json& rows) {
  std::string out = "  " + text(name) + ": [";
  for (std::size_t i = 0; i < rows.size(); ++i) out += (i ? ",\n    " : "\n    ") + text(rows[i]);
  return out + "\n  ]";
}

}  // namespace

std::string to_json(const ModelTable& table, const std::string& weights) {
  std::string out = "{\n  \"format\": \"cudet-model\", \"version\": 1,\n";
  out += "  \"nc\": " + std::to_string(table.classes) + ",\n";
  if (!table.names.empty()) out += "  \"names\": " + text(table.names) + ",\n";
  if (!table.scales.empty()) {
    out += "  \"scale\": " + text(table.scale) + ",\n  \"scales\": {";
    for (std::size_t i = 0; i < table.scales.size(); ++i)
      out += (i ? ", " : "") + text(table.scales[i].first) + ": " +
             text({short_number(table.scales[i].second[0]), short_number(table.scales[i].second[1]),
                   short_number(table.scales[i].second[2])});
    out += "},\n";
  }
  if (table.bn_eps != ModelTable().bn_eps) out += "  \"bn_eps\": " + text(table.bn_eps) + ",\n";
  if (table.activation != ModelTable().activation)
    out += "  \"activation\": " + text(to_text(table.activation)) + ",\n";
  if (!table.activations.empty()) {
    Json exceptions = Json::object();
    for (const auto& [module, function] : table.activations) exceptions[module] = to_text(function);
    out += "  \"activations\": " + text(exceptions) + ",\n";
  }
  out += "  \"input\": {\"size\": [" + std::to_string(table.height) + ", " + std::to_string(table.width) + "]";
  if (table.channels != 3) out += ", \"channels\": " + std::to_string(table.channels);
  out += "},\n";
  out += section("backbone", rows_to_json(table.backbone)) + ",\n" + section("head", rows_to_json(table.head));
  if (!weights.empty()) out += ",\n  \"weights\": " + text(weights);
  return out + "\n}\n";
}

std::string with_weights(std::string_view description, const std::string& weights) {
  Json json = Json::parse(description);
  json["weights"] = weights;
  std::string out;
  for (const auto& [key, value] : json.items()) {
    const bool table = key == "backbone" || key == "head";
    out += (out.empty() ? "{\n" : ",\n") + (table ? section(key, value) : "  " + text(key) + ": " + text(value));
  }
  return out + "\n}\n";
}

}  // namespace cudet::convert
