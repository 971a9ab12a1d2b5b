#include "apps/convert/yaml_model.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <set>
#include <string_view>

#include "apps/checkpoint/activation.h"
#include "apps/checkpoint/checkpoint_row.h"
#include "apps/convert/yaml_limits.h"
#include "kernels/error.h"
#include "layers/layer.h"

namespace cudet::convert {
namespace {

// With aliases a small file can describe a huge table.
constexpr std::size_t kMaxRows = 1000, kMaxInputs = 1000, kMaxArguments = 16;

/// Whether a text such as 028 starts like an octal number and is none. PyYAML takes it for a text, yaml-cpp for 28.0.
bool is_wrong_octal(std::string_view text) {
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
  return text.size() > 1 && text[0] == '0' && text.find_first_not_of("0123456789") == text.npos &&
         text.find_first_of("89") != text.npos;
}

template <class T>
std::optional<T> as(const YAML::Node& node) {
  T value;
  if (!node.IsScalar() || is_wrong_octal(node.Scalar()) || !YAML::convert<T>::decode(node, value)) return std::nullopt;
  return value;
}

/// Throws Error if a key of a map is not a text or a number, or occurs twice: Python's parser takes the last value,
/// yaml-cpp the first.
void check_keys(const YAML::Node& map) {
  std::set<std::string> keys;
  for (const auto& entry : map) {
    if (entry.first.IsSequence() || entry.first.IsMap()) throw Error("a key is a list or a map");
    if (entry.first.IsScalar() && !keys.insert(entry.first.Scalar()).second)
      throw Error("the key " + entry.first.Scalar() + " occurs twice");
  }
}

/// Converts a scalar or a list of numbers as Python's YAML parser and Ultralytics' parse_model do together: quoted or
/// not, "None", "True" and numbers are converted to their values.
Json argument(const YAML::Node& node) {
  if (node.IsNull()) return nullptr;
  if (node.IsSequence()) {
    if (node.size() > kMaxArguments) throw Error("an argument is a list of more than 16 numbers");
    Json::Array list;
    for (const YAML::Node& element : node) {
      const auto number = as<double>(element);
      if (!number || !std::isfinite(*number)) throw Error("a list as an argument must hold numbers");
      list.push_back(*number);
    }
    return list;
  }
  if (!node.IsScalar()) throw Error("an argument must be a number, a text, a list or null");
  const std::string& text = node.Scalar();
  if (text == "None") return nullptr;
  if (const auto whole = as<int>(node)) return *whole;
  if (const auto real = as<double>(node); real && std::isfinite(*real)) return *real;
  if (const auto flag = as<bool>(node)) return *flag;
  return text;
}

Json row_inputs(const YAML::Node& node) {
  if (const auto one = as<int>(node)) return *one;
  if (node.size() > kMaxInputs) throw Error("has more than 1000 inputs");
  Json::Array list;
  for (const YAML::Node& element : node) {
    const auto from = as<int>(element);
    if (!from) break;
    list.push_back(*from);
  }
  if (!node.IsSequence() || list.empty() || list.size() != node.size())
    throw Error("from must be a row number or a list of row numbers");
  return list;
}

/// Whether a class name means DySample. Forks call it DySample_UP, Dysample, Dy_Sample; only checkpoints show what it
/// does.
bool is_dysample(std::string_view kind) {
  std::string letters;
  for (const char c : kind)
    if (c != '_') letters += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return letters.starts_with("dysample");
}

ModelRow read_row(const YAML::Node& node, int bins) {
  if (!node.IsSequence() || node.size() != 4) throw Error("a row must be [from, repeats, module, arguments]");
  ModelRow row{row_inputs(node[0]), as<int>(node[1]).value_or(0), node[2].Scalar(), {}};
  if (row.repeats < 1) throw Error("repeats must be a whole number from 1");
  if (node[3].IsNull()) return row;
  if (!node[3].IsSequence() || node[3].size() > kMaxArguments)
    throw Error("the arguments must be a list of at most " + std::to_string(kMaxArguments));
  for (const YAML::Node& element : node[3]) row.arguments.push_back(argument(element));
  if (row.module == "nn.Upsample") row.module = "Upsample";
  if (is_dysample(row.module)) row.module = "DySample";
  for (Json& value : row.arguments)
    if (value.string() && value.string()->find("nn.") != std::string::npos && row.module != "Detect")
      value = to_text(parse_torch_activation(*value.string()));
  if (!find_layer(row.module)) throw Error(why_unsupported(row.module));
  // Since Ultralytics 8.4, more arguments than [out, k] mean the SPPF of YOLO26: its first convolution has no
  // activation.
  if (row.module == "SPPF" && row.arguments.size() > 2) row.arguments.push_back(Json::Object{{"cv1_act", false}});
  if (row.module == "Detect" && row.arguments.size() == 1 && bins != 16) row.arguments.push_back(bins);
  return row;
}

std::vector<ModelRow> read_rows(const YAML::Node& root, const std::string& section, int bins) {
  const YAML::Node rows = root[section];
  if (!rows || !rows.IsSequence()) throw Error("has no list of rows named " + section);
  if (rows.size() > kMaxRows) throw Error(section + " has more than 1000 rows");
  std::vector<ModelRow> table;
  std::size_t i = 0;
  for (const YAML::Node& row : rows) {
    std::string label = section + " row " + std::to_string(i++);
    try {
      if (row.IsSequence() && row.size() > 2 && row[2].IsScalar()) label += " (" + row[2].Scalar() + ")";
      table.push_back(read_row(row, bins));
    } catch (const Error& error) {
      throw Error(label + ": " + error.what());
    }
  }
  return table;
}

/// Returns the scale letter in a file name, found as Ultralytics does ("yolov8s-mine", "yolo11x"), or an empty string.
std::string scale_from_name(const std::string& path) {
  const std::string stem = std::filesystem::path(path).stem().string();
  std::string_view rest = stem;
  constexpr std::string_view kYolo = "yolo";
  for (std::size_t at; (at = rest.find(kYolo)) != std::string_view::npos;) {
    rest.remove_prefix(at + kYolo.size());
    std::string_view name = rest;
    if (name.starts_with("e-")) name.remove_prefix(2);
    if (name.starts_with("v")) name.remove_prefix(1);
    const std::size_t digits = std::min(name.find_first_not_of("0123456789"), name.size());
    if (digits > 0 && digits < name.size() && std::string_view("nslmx").find(name[digits]) != std::string_view::npos)
      return {name[digits]};
  }
  return "";
}

void read_scales(const YAML::Node& root, const std::string& name, const std::string& wanted, ModelTable& table) {
  const YAML::Node scales = root["scales"];
  const auto number = [](const YAML::Node& node, const std::string& what) {
    const auto value = as<double>(node);
    if (!value || !(*value > 0 && *value < 1e9)) throw Error(what + " must be a number above 0");
    return *value;
  };
  if (scales && !scales.IsNull() && !scales.IsMap()) throw Error("scales must be a map");
  if (scales && scales.IsMap()) {
    for (const auto& entry : scales) {
      const std::string key = entry.first.IsScalar() ? entry.first.Scalar() : "?";
      if (!entry.second.IsSequence() || entry.second.size() != 3)
        throw Error("scale " + key + " must be [depth, width, max channels]");
      std::array<double, 3> values{};
      for (std::size_t i = 0; i < 3; ++i) values[i] = number(entry.second[i], "scale " + key);
      table.scales.emplace_back(key, values);
    }
  } else if (root["depth_multiple"] || root["width_multiple"]) {  // the older form: one scale, without a name
    const auto multiple = [&](const char* key) { return root[key] ? number(root[key], key) : 1.0; };
    table.scales.push_back({"default", {multiple("depth_multiple"), multiple("width_multiple"), 1e6}});
  }
  const auto has = [&](const std::string& key) {
    return std::any_of(table.scales.begin(), table.scales.end(), [&](const auto& s) { return s.first == key; });
  };
  if (!wanted.empty() && !has(wanted)) throw Error("scale " + wanted + " is not one of the scales in the file");
  if (table.scales.empty()) return;
  const std::string named = scale_from_name(name);
  table.scale = !wanted.empty() ? wanted : has(named) ? named : table.scales.front().first;
}

/// Reads the class names from a list or a map {0: person, …}. Returns no names if their number is not the number of
/// classes: they belong to another model.
std::vector<std::string> read_names(const YAML::Node& node, int classes) {
  std::map<int, std::string> names;
  if (node && node.IsSequence())
    for (const YAML::Node& name : node)
      names.emplace(static_cast<int>(names.size()), name.IsScalar() ? name.Scalar() : "");
  if (node && node.IsMap())
    for (const auto& entry : node)
      if (entry.second.IsScalar()) names.emplace(as<int>(entry.first).value_or(-1), entry.second.Scalar());
  if (names.size() != static_cast<std::size_t>(classes) || names.empty() || names.begin()->first != 0 ||
      names.rbegin()->first != classes - 1)
    return {};
  std::vector<std::string> list;
  list.reserve(names.size());
  for (auto& [index, name] : names) list.push_back(std::move(name));
  return list;
}

/// Returns the number of classes: `wanted`, else nc, else the number of names, else 80 as in COCO.
int class_count(const YAML::Node& root, std::optional<int> wanted) {
  if (wanted) return *wanted;
  const YAML::Node nc = root["nc"], names = root["names"];
  int classes = 80;
  if (nc)
    classes = as<int>(nc).value_or(0);  // the runtime rejects 0
  else if (names && names.size() > 0)
    classes = static_cast<int>(names.size());
  return classes;
}

ModelTable interpret(const YAML::Node& root, const std::string& name, const YamlOptions& options) {
  if (!root.IsMap()) throw Error("is not the YAML of a network: expected a map with backbone and head");
  check_keys(root);
  for (const char* key : {"scales", "names"})
    if (root[key] && root[key].IsMap()) check_keys(root[key]);
  ModelTable table;
  const auto activation = root["activation"] ? as<std::string>(root["activation"]) : std::nullopt;
  if (root["activation"] && !root["activation"].IsNull()) {
    if (!activation) throw Error("activation must be a text");
    table.activation = parse_torch_activation(*activation);
  }
  if (root["end2end"] && as<bool>(root["end2end"]).value_or(false)) throw Error("end2end heads are not supported");
  for (const char* key : {"ch", "channels"})
    if (root[key]) table.channels = as<int>(root[key]).value_or(0);              // the runtime rejects 0
  const int bins = root["reg_max"] ? as<int>(root["reg_max"]).value_or(0) : 16;  // the runtime rejects 0
  const YAML::Node names = root["names"];
  table.classes = class_count(root, options.classes);
  table.names = read_names(names, table.classes);
  read_scales(root, name, options.scale, table);
  table.backbone = read_rows(root, "backbone", bins);
  table.head = read_rows(root, "head", bins);
  if (table.head.empty() || table.head.back().module != "Detect") throw Error("the last row is not Detect");
  return table;
}

}  // namespace

ModelTable read_yaml_model(const std::string& text, const std::string& name, const YamlOptions& options) {
  check_yaml_limits(text);
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(text);
    if (documents.size() > 1) throw Error("has several YAML documents: expected one");
    return interpret(documents.empty() ? YAML::Node() : documents[0], name, options);
  } catch (const YAML::Exception& error) {
    const std::string where = error.mark.is_null() ? "" : " at line " + std::to_string(error.mark.line + 1);
    throw Error("invalid YAML" + where + ": " + error.msg);
  }
}

}  // namespace cudet::convert
