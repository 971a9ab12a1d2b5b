// The network table that convert writes, and its JSON text.
#pragma once
#include <array>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cudet::convert {

/// A row: [from, repeats, module, arguments].
struct ModelRow {
  nlohmann::ordered_json from;  // an integer, or a list of them
  int repeats;
  std::string module;
  nlohmann::ordered_json arguments;
  bool operator==(const ModelRow&) const = default;
};

/// What a model description says.
struct ModelTable {
  int classes = 0;
  std::vector<std::string> names;                                     // of the classes; empty: unknown
  std::string scale;                                                  // used only where there are scales
  std::vector<std::pair<std::string, std::array<double, 3>>> scales;  // depth, width, most channels
  double bn_eps = 1e-3;
  int height = 640, width = 640;
  std::vector<ModelRow> backbone, head;
};

/// The description as JSON, a row of the table a line. `weights`: the file's name beside it, or empty.
std::string to_json(const ModelTable& table, const std::string& weights);

/// A description, which can be read, with another file of weights; all else as it is.
std::string with_weights(std::string_view description, const std::string& weights);

}  // namespace cudet::convert
