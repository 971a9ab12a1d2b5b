#include "runtime/model/description.h"

#include <cmath>
#include <filesystem>

#include "runtime/model/file.h"
#include "runtime/model/json.h"

namespace cudet {
namespace {

using Json = nlohmann::json;

// Limits on hostile descriptions. Real ones have a few thousand bytes.
constexpr std::size_t kMaxBytes = 16 << 20;
constexpr int kMaxDepth = 16;
constexpr int kMaxRows = 10000;
constexpr std::size_t kMaxNameBytes = 4096;  // of a class; each detection repeats it in outputs

/// Returns a member. Throws Error if it is missing.
const Json& member(const Json& object, const char* name) {
  const auto it = object.find(name);
  if (it == object.end()) throw Error(std::string("\"") + name + "\" is missing");
  return *it;
}

int whole(const Json& value, const std::string& what, int least, int most) {
  const double number = value.is_number() ? value.get<double>() : std::nan("");
  if (!(number >= least && number <= most) || number != std::floor(number))
    throw Error(what + " must be a whole number from " + std::to_string(least) + " to " + std::to_string(most));
  return static_cast<int>(number);
}

Argument to_argument(const Json& value) {
  if (value.is_null()) return {};
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number()) return value.get<double>();
  if (value.is_string()) {
    const std::string text = value.get<std::string>();
    if (text == "None") return {};  // YAML tables spell null this way
    return text;
  }
  if (value.is_array()) {
    std::vector<double> numbers;
    for (const Json& element : value) {
      if (!element.is_number()) throw Error("an argument that is a list must hold numbers");
      numbers.push_back(element.get<double>());
    }
    return numbers;
  }
  throw Error("an object may only be the last argument");
}

/// Reads arguments by position, by name (an object), or by position with an object as the last element. The string "nc"
/// stands for the number of classes.
Arguments to_arguments(const Json& json, int classes) {
  std::vector<Argument> positional;
  std::map<std::string, Argument> named;
  const auto to_value = [&](const Json& value) {
    return value == "nc" ? Argument(static_cast<double>(classes)) : to_argument(value);
  };
  const auto add_named = [&](const Json& object) {
    for (const auto& [name, value] : object.items()) named.emplace(name, to_value(value));
  };
  if (json.is_object()) {
    add_named(json);
  } else if (json.is_array()) {
    for (std::size_t i = 0; i < json.size(); ++i) {
      if (json[i].is_object() && i + 1 == json.size())
        add_named(json[i]);
      else
        positional.push_back(to_value(json[i]));
    }
  } else {
    throw Error("the arguments must be a list or an object");
  }
  return {std::move(positional), std::move(named)};
}

int to_source(const Json& value, int row) {
  const int from = whole(value, "from", -kMaxRows, kMaxRows);
  const int source = from < 0 ? row + from : from;
  if (source >= row || source < kNone) throw Error("from " + std::to_string(from) + " is not an earlier row");
  if (source == kNone && row != 0) throw Error("from " + std::to_string(from) + " is before the first row");
  return source;
}

TableRow to_row(const Json& json, int row, int classes) {
  if (!json.is_array() || json.size() != 4) throw Error("a row must be [from, repeats, module, arguments]");
  TableRow result;
  if (!json[2].is_string()) throw Error("the module must be a string");
  result.module = json[2].get<std::string>();
  if (json[0].is_array()) {
    for (const Json& from : json[0]) result.from.push_back(to_source(from, row));
    if (result.from.empty()) throw Error("from is empty");
    if (result.from.size() > 1000) throw Error("from has more than 1000 rows");
  } else {
    result.from.push_back(to_source(json[0], row));
  }
  result.repeats = whole(json[1], "repeats", 1, kMaxRepeats);
  result.arguments = to_arguments(json[3], classes);
  result.from_text = json[0].dump();
  result.arguments_text = json[3].dump(-1, ' ', false, Json::error_handler_t::replace);
  return result;
}

void add_rows(const Json& json, const char* section, int classes, std::vector<TableRow>& rows) {
  const Json& table = member(json, section);
  if (!table.is_array()) throw Error(std::string("\"") + section + "\" must be a list of rows");
  if (rows.size() + table.size() > kMaxRows) throw Error("more than " + std::to_string(kMaxRows) + " rows");
  for (std::size_t i = 0; i < table.size(); ++i) {
    std::string label = std::string(section) + " row " + std::to_string(i);
    if (table[i].is_array() && table[i].size() > 2 && table[i][2].is_string())
      label += " (" + table[i][2].get<std::string>() + ")";
    try {
      rows.push_back(to_row(table[i], static_cast<int>(rows.size()), classes));
    } catch (const Error& error) {
      throw Error(label + ": " + error.what());
    }
    rows.back().label = label;
  }
}

void read_scaling(const Json& json, Description& d) {
  if (!json.contains("scales")) {
    if (!d.scale.empty()) throw Error("scale \"" + d.scale + "\" is unknown: the description has no \"scales\"");
    return;
  }
  const Json& scales = json["scales"];
  if (!scales.is_object()) throw Error("\"scales\" must be an object");
  if (d.scale.empty()) {
    const Json& scale = member(json, "scale");
    if (!scale.is_string()) throw Error("\"scale\" must be a string");
    d.scale = scale.get<std::string>();
  }
  const auto it = scales.find(d.scale);
  if (it == scales.end()) throw Error("scale \"" + d.scale + "\" is not in \"scales\"");
  const auto number = [&](std::size_t i) {
    const double value = it->is_array() && it->size() == 3 && (*it)[i].is_number() ? (*it)[i].get<double>() : -1;
    if (!(value > 0 && value < 1e9)) throw Error("scale \"" + d.scale + "\" must be [depth, width, max channels]");
    return value;
  };
  d.scaling = {number(0), number(1), number(2), false};
}

std::vector<std::string> read_names(const Json& json, int classes) {
  std::vector<std::string> names;
  if (json.contains("names")) {
    const Json& list = json["names"];
    if (!list.is_array() || list.size() != static_cast<std::size_t>(classes))
      throw Error("\"names\" must be a list of nc = " + std::to_string(classes) + " names");
    for (const Json& name : list) {
      if (!name.is_string()) throw Error("\"names\" must be strings");
      names.push_back(name.get<std::string>());
      if (const std::size_t bytes = names.back().size(); bytes > kMaxNameBytes)
        throw Error("the name of class " + std::to_string(names.size() - 1) + " has " + std::to_string(bytes) +
                    " bytes, at most " + std::to_string(kMaxNameBytes) + " are allowed");
    }
  } else {
    for (int i = 0; i < classes; ++i) names.push_back(std::to_string(i));
  }
  return names;
}

Size read_input(const Json& json) {
  if (!json.contains("input")) return {640, 640};
  const Json& size = json["input"].is_object() ? member(json["input"], "size") : json["input"];
  if (!size.is_array() || size.size() != 2) throw Error("\"input\" must be {\"size\": [height, width]}");
  return {whole(size[0], "the input's height", 1, kMaxInput), whole(size[1], "the input's width", 1, kMaxInput)};
}

/// The number of channels of the network's input.
int read_channels(const Json& json) {
  if (!json.contains("input") || !json["input"].is_object() || !json["input"].contains("channels")) return 3;
  return whole(json["input"]["channels"], "the input's channels", 1, kMaxInputChannels);
}

ActivationFunction read_function(const Json& json, const std::string& what) {
  if (!json.is_string()) throw Error(what + " must be a string");
  return parse_function(json.get<std::string>());
}

Activations read_activations(const Json& json) {
  Activations activations;
  if (json.contains("activation")) activations.standard = read_function(json["activation"], "\"activation\"");
  if (!json.contains("activations")) return activations;
  const Json& exceptions = json["activations"];
  if (!exceptions.is_object()) throw Error("\"activations\" must be an object");
  for (const auto& [module, function] : exceptions.items())
    activations.exceptions.emplace(module, read_function(function, "the activation of " + module));
  return activations;
}

Description interpret(const Json& json, const std::string& path, const std::string& scale) {
  if (!json.is_object()) throw Error("must be a JSON object");
  if (member(json, "format") != "cudet-model") throw Error("\"format\" must be \"cudet-model\"");
  if (member(json, "version") != 1) throw Error("only version 1 is supported");
  Description d;
  d.path = path;
  const int classes = whole(member(json, "nc"), "\"nc\"", 1, kMaxChannels - 4);
  d.names = read_names(json, classes);
  d.scale = scale;
  read_scaling(json, d);
  const Json eps = json.value("bn_eps", Json(1e-3));
  d.bn_eps = eps.is_number() ? eps.get<double>() : -1;
  if (!(d.bn_eps >= 0 && d.bn_eps < 1)) throw Error("\"bn_eps\" must be a number from 0 to 1");
  d.activations = read_activations(json);
  d.input = read_input(json);
  d.channels = read_channels(json);
  add_rows(json, "backbone", classes, d.rows);
  add_rows(json, "head", classes, d.rows);
  if (json.contains("weights")) {
    if (!json["weights"].is_string()) throw Error("\"weights\" must be a string");
    d.weights = (std::filesystem::path(path).parent_path() / json["weights"].get<std::string>()).string();
  }
  return d;
}

}  // namespace

Description parse_description(const std::string& text, const std::string& path, const std::string& scale) {
  try {
    // The first bytes of a zip file or a pickle: PyTorch writes these.
    if (text.starts_with("PK\x03\x04") || text.starts_with("\x80\x02"))
      throw Error("not JSON but a PyTorch checkpoint: name it .pt");
    return interpret(parse_json(text, kMaxDepth), path, scale);
  } catch (const Error& error) {
    throw Error(path + ": " + error.what());
  }
}

Description read_description(const std::string& path, const std::string& scale) {
  const std::vector<std::byte> bytes = read_file(path, kMaxBytes);
  return parse_description({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path, scale);
}

}  // namespace cudet
