#include "runtime/model/description.h"

#include <cmath>
#include <filesystem>

#include "runtime/model/file.h"
#include "runtime/model/json.h"

namespace cudet {
namespace {

// Limits on hostile descriptions. Real ones have a few thousand bytes.
constexpr std::size_t kMaxBytes = 16 << 20;
constexpr int kMaxRows = 10000;
constexpr std::size_t kMaxNameBytes = 4096;  // of a class; each detection repeats it in outputs

/// Returns a member. Throws Error if it is missing.
const Json& member(const Json& object, const char* name) {
  const Json* found = object.find(name);
  if (!found) throw Error(std::string("\"") + name + "\" is missing");
  return *found;
}

int whole(const Json& value, const std::string& what, int least, int most) {
  const double number = value.number().value_or(std::nan(""));
  if (!(number >= least && number <= most) || number != std::floor(number))
    throw Error(what + " must be a whole number from " + std::to_string(least) + " to " + std::to_string(most));
  return static_cast<int>(number);
}

Argument to_argument(const Json& value) {
  if (value.is_null()) return {};
  if (const auto flag = value.boolean()) return *flag;
  if (const auto number = value.number()) return *number;
  if (const std::string* text = value.string()) {
    if (*text == "None") return {};  // YAML tables spell null this way
    return *text;
  }
  if (const Json::Array* elements = value.array()) {
    NumberList numbers;
    for (const Json& element : *elements) {
      const auto number = element.number();
      if (!number) throw Error("an argument that is a list must hold numbers");
      numbers.values.push_back(*number);
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
  const auto add_named = [&](const Json::Object& object) {
    for (const auto& [name, value] : object) named.emplace(name, to_value(value));
  };
  if (json.object()) {
    add_named(*json.object());
  } else if (json.array()) {
    for (const Json& value : *json.array()) {
      if (value.object() && &value == &json.array()->back())
        add_named(*value.object());
      else
        positional.push_back(to_value(value));
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
  const Json::Array* cells = json.array();
  if (!cells || cells->size() != 4) throw Error("a row must be [from, repeats, module, arguments]");
  const Json &from = (*cells)[0], &repeats = (*cells)[1], &arguments = (*cells)[3];
  TableRow result;
  const std::string* module = (*cells)[2].string();
  if (!module) throw Error("the module must be a string");
  result.module = *module;
  if (from.array()) {
    for (const Json& one : *from.array()) result.from.push_back(to_source(one, row));
    if (result.from.empty()) throw Error("from is empty");
    if (result.from.size() > 1000) throw Error("from has more than 1000 rows");
  } else {
    result.from.push_back(to_source(from, row));
  }
  result.repeats = whole(repeats, "repeats", 1, kMaxRepeats);
  result.arguments = to_arguments(arguments, classes);
  result.from_text = from.dump();
  result.arguments_text = arguments.dump();
  return result;
}

void add_rows(const Json& json, const char* section, int classes, std::vector<TableRow>& rows) {
  const Json::Array* table = member(json, section).array();
  if (!table) throw Error(std::string("\"") + section + "\" must be a list of rows");
  if (rows.size() + table->size() > kMaxRows) throw Error("more than " + std::to_string(kMaxRows) + " rows");
  for (const Json& row : *table) {
    std::string label = std::string(section) + " row " + std::to_string(&row - table->data());
    if (row.array() && row.array()->size() > 2 && row.array()->at(2).string())
      label += " (" + *row.array()->at(2).string() + ")";
    try {
      rows.push_back(to_row(row, static_cast<int>(rows.size()), classes));
    } catch (const Error& error) {
      throw Error(label + ": " + error.what());
    }
    rows.back().label = label;
  }
}

void read_scaling(const Json& json, Description& d) {
  const Json* scales = json.find("scales");
  if (!scales) {
    if (!d.scale.empty()) throw Error("scale \"" + d.scale + "\" is unknown: the description has no \"scales\"");
    return;
  }
  if (!scales->object()) throw Error("\"scales\" must be an object");
  if (d.scale.empty()) {
    const std::string* scale = member(json, "scale").string();
    if (!scale) throw Error("\"scale\" must be a string");
    d.scale = *scale;
  }
  const Json* found = scales->find(d.scale);
  if (!found) throw Error("scale \"" + d.scale + "\" is not in \"scales\"");
  const auto number = [&](std::size_t i) {
    const Json::Array* list = found->array();
    const double value = list && list->size() == 3 ? (*list)[i].number().value_or(-1) : -1;
    if (!(value > 0 && value < 1e9)) throw Error("scale \"" + d.scale + "\" must be [depth, width, max channels]");
    return value;
  };
  d.scaling = {number(0), number(1), number(2), false};
}

std::vector<std::string> read_names(const Json& json, int classes) {
  std::vector<std::string> names;
  if (const Json* found = json.find("names")) {
    const Json::Array* list = found->array();
    if (!list || list->size() != static_cast<std::size_t>(classes))
      throw Error("\"names\" must be a list of nc = " + std::to_string(classes) + " names");
    for (const Json& name : *list) {
      if (!name.string()) throw Error("\"names\" must be strings");
      names.push_back(*name.string());
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
  const Json* input = json.find("input");
  if (!input) return {640, 640};
  const Json::Array* size = (input->object() ? member(*input, "size") : *input).array();
  if (!size || size->size() != 2) throw Error("\"input\" must be {\"size\": [height, width]}");
  return {whole(size->at(0), "the input's height", 1, kMaxInput),
          whole(size->at(1), "the input's width", 1, kMaxInput)};
}

/// The number of channels of the network's input.
int read_channels(const Json& json) {
  const Json* input = json.find("input");
  const Json* channels = input ? input->find("channels") : nullptr;
  return channels ? whole(*channels, "the input's channels", 1, kMaxInputChannels) : 3;
}

ActivationFunction read_function(const Json& json, const std::string& what) {
  if (!json.string()) throw Error(what + " must be a string");
  return parse_function(*json.string());
}

Activations read_activations(const Json& json) {
  Activations activations;
  if (const Json* function = json.find("activation")) activations.standard = read_function(*function, "\"activation\"");
  const Json* exceptions = json.find("activations");
  if (!exceptions) return activations;
  if (!exceptions->object()) throw Error("\"activations\" must be an object");
  for (const auto& [module, function] : *exceptions->object())
    activations.exceptions.emplace(module, read_function(function, "the activation of " + module));
  return activations;
}

Description interpret(const Json& json, const std::string& path, const std::string& scale) {
  if (!json.object()) throw Error("must be a JSON object");
  if (member(json, "format") != "cudet-model") throw Error("\"format\" must be \"cudet-model\"");
  if (member(json, "version") != 1) throw Error("only version 1 is supported");
  Description d;
  d.path = path;
  const int classes = whole(member(json, "nc"), "\"nc\"", 1, kMaxChannels - 4);
  d.names = read_names(json, classes);
  d.scale = scale;
  read_scaling(json, d);
  const Json* eps = json.find("bn_eps");
  d.bn_eps = eps ? eps->number().value_or(-1) : 1e-3;
  if (!(d.bn_eps >= 0 && d.bn_eps < 1)) throw Error("\"bn_eps\" must be a number from 0 to 1");
  d.activations = read_activations(json);
  d.input = read_input(json);
  d.channels = read_channels(json);
  add_rows(json, "backbone", classes, d.rows);
  add_rows(json, "head", classes, d.rows);
  if (const Json* weights = json.find("weights")) {
    if (!weights->string()) throw Error("\"weights\" must be a string");
    d.weights = (std::filesystem::path(path).parent_path() / *weights->string()).string();
  }
  return d;
}

}  // namespace

Description parse_description(const std::string& text, const std::string& path, const std::string& scale) {
  try {
    // The first bytes of a zip file or a pickle: PyTorch writes these.
    if (text.starts_with("PK\x03\x04") || text.starts_with("\x80\x02"))
      throw Error("not JSON but a PyTorch checkpoint: give it as .pt, or convert it first");
    return interpret(parse_json(text), path, scale);
  } catch (const Error& error) {
    throw Error(path + ": " + error.what());
  }
}

Description read_description(const std::string& path, const std::string& scale) {
  const std::vector<std::byte> bytes = read_file(path, kMaxBytes);
  return parse_description({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path, scale);
}

}  // namespace cudet
