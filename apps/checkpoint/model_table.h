// The network table that convert writes, and its JSON form.
#pragma once
#include <array>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/activation.h"
#include "runtime/model/json.h"

namespace cudet::convert {

/// A row: [from, repeats, module, arguments].
struct ModelRow {
  Json from;  // an integer or a list of integers
  int repeats;
  std::string module;
  Json::Array arguments;
  bool operator==(const ModelRow&) const = default;
};

/// The content of a model description.
struct ModelTable {
  int classes = 0;
  std::vector<std::string> names;                                     // class names; empty: unknown
  std::string scale;                                                  // used only if `scales` is not empty
  std::vector<std::pair<std::string, std::array<double, 3>>> scales;  // depth, width, maximum channels
  double bn_eps = 1e-3;
  ActivationFunction activation{Activation::silu, 0};
  std::map<std::string, ActivationFunction> activations;  // of Convs that have another one, by name
  int height = 640, width = 640, channels = 3;            // of the input
  std::vector<ModelRow> backbone, head;
  std::vector<float> strides;  // of Detect's levels, if a checkpoint stores them; not part of the JSON form
};

/// Returns the description as JSON, one line per row of the table. weights: name of the weights file in the same
/// folder, or empty.
std::string to_json(const ModelTable& table, const std::string& weights);

/// Returns a valid description with the name of its weights file replaced by `weights`. Throws Error if it is not JSON.
std::string with_weights(std::string_view description, const std::string& weights);

}  // namespace cudet::convert
