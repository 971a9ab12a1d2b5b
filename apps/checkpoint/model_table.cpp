#include "apps/checkpoint/model_table.h"

#include <cmath>

#include "kernels/error.h"

namespace cudet::convert {
namespace {

/// Returns an integer if the value is whole, so that it is written without a fraction.
Json short_number(double value) {
  return value == std::floor(value) && std::abs(value) < 1e15 ? Json(static_cast<std::int64_t>(value)) : Json(value);
}

std::string text(const Json& json) {
  return json.dump(Json::Layout::spaced);
}

/// Throws Error if JSON cannot hold the name.
std::string weights_text(const std::string& name) {
  try {
    return Json(name).dump(Json::Layout::spaced, Json::InvalidUtf8::refuse);
  } catch (const Error&) {
    throw Error(name + ": the name of the weights file must be UTF-8: choose another output");
  }
}

Json::Array rows_to_json(const std::vector<ModelRow>& rows) {
  Json::Array all;
  for (const ModelRow& row : rows) all.push_back(Json::Array{row.from, row.repeats, row.module, row.arguments});
  return all;
}

std::string section(const std::string& name, const Json::Array& rows) {
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
             text(Json::Array{short_number(table.scales[i].second[0]), short_number(table.scales[i].second[1]),
                              short_number(table.scales[i].second[2])});
    out += "},\n";
  }
  if (table.bn_eps != ModelTable().bn_eps) out += "  \"bn_eps\": " + text(table.bn_eps) + ",\n";
  if (table.activation != ModelTable().activation)
    out += "  \"activation\": " + text(to_text(table.activation)) + ",\n";
  if (!table.activations.empty()) {
    Json::Object exceptions;
    for (const auto& [module, function] : table.activations) exceptions.emplace_back(module, to_text(function));
    out += "  \"activations\": " + text(exceptions) + ",\n";
  }
  out += "  \"input\": {\"size\": [" + std::to_string(table.height) + ", " + std::to_string(table.width) + "]";
  if (table.channels != 3) out += ", \"channels\": " + std::to_string(table.channels);
  out += "},\n";
  out += section("backbone", rows_to_json(table.backbone)) + ",\n" + section("head", rows_to_json(table.head));
  if (!weights.empty()) out += ",\n  \"weights\": " + weights_text(weights);
  return out + "\n}\n";
}

std::string with_weights(std::string_view description, const std::string& weights) {
  Json json = parse_json(description);
  if (!json.object()) throw Error("must be a JSON object");
  if (!json.find("weights")) json.object()->emplace_back("weights", nullptr);
  std::string out;
  for (auto& [key, value] : *json.object()) {
    const bool table = (key == "backbone" || key == "head") && value.array();
    out += (out.empty() ? "{\n" : ",\n") + (table              ? section(key, *value.array())
                                            : key == "weights" ? "  " + text(key) + ": " + weights_text(weights)
                                                               : "  " + text(key) + ": " + text(value));
  }
  return out + "\n}\n";
}

}  // namespace cudet::convert
