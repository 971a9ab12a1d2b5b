// A torch.nn.Module in a checkpoint: class name, attributes, sub-modules and weights.
#pragma once
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "apps/checkpoint/torch_file.h"
#include "kernels/activation.h"
#include "kernels/error.h"

namespace cudet::convert {

/// Errors name the module relative to its row ("m.0.cv1: …"). Errors of the row itself have no name.
class TorchModule {
 public:
  /// A row, "model.3".
  TorchModule(PickleValue value, std::string name) : TorchModule(value, std::move(name), "") {}

  std::string_view kind() const { return value_.name(); }  // class name: "Conv2d"
  const std::string& name() const { return name_; }        // "model.3.cv1"
  Error fault(const std::string& why) const;               // returns the Error to throw

  std::optional<PickleValue> attribute(std::string_view name) const;                       // if not None
  std::optional<std::int64_t> integer(std::string_view name) const;                        // attribute that is an int
  std::vector<std::string> real_attributes() const { return value_.real_attributes(); }    // names of floats
  bool flag(std::string_view name) const;                                                  // whether it is True
  std::optional<std::pair<std::int64_t, std::int64_t>> pair(std::string_view name) const;  // (h, w), or an int for both

  std::optional<TorchModule> find(std::string_view child) const;
  TorchModule child(std::string_view name) const;  // throws Error if it does not exist
  /// The sub-modules of a Sequential or ModuleList in order. Throws Error if they are not named "0", "1", …
  std::vector<TorchModule> children() const;
  /// Throws Error if there is a sub-module that is not in `names`: its effect would be lost.
  void expect_children(std::initializer_list<std::string_view> names) const;
  TorchModule as_row() const;  // the same module as a row: its errors have no name
  void expect_kind(std::string_view kind) const;

  std::optional<PickleValue> parameter(std::string_view name) const;  // or buffer, if not None
  /// Throws Error if there is a parameter or buffer that is not in `names`, alone or split in NAME_orig and NAME_mask.
  void expect_parameters(std::initializer_list<std::string_view> names) const;

 private:
  TorchModule(PickleValue value, std::string name, std::string label);
  PickleValue value_;
  std::string name_, label_;  // label_: name relative to the row
};

/// Collects the weights of the rows.
class TorchWeights {
 public:
  explicit TorchWeights(TorchFile& file) : file_(file) {}

  /// Adds a parameter to `tensors`, under the name of the module, and returns it. A parameter that torch.nn.utils.prune
  /// split in NAME_orig and NAME_mask is their product. Throws Error if it does not exist,
  /// does not contain floats, has another shape than `shape` (0: any size), or contains values that are not finite.
  const StoredTensor& take(const TorchModule& module, const char* parameter, const std::vector<std::int64_t>& shape);
  /// Whether a module has a parameter, or one with a pruning mask.
  bool has(const TorchModule& module, const char* parameter) const;
  /// Returns the values of a buffer without adding it to `tensors`.
  std::vector<float> values(const TorchModule& module, const char* buffer);
  /// The same of an attribute. Empty if it is no tensor.
  std::vector<float> attribute_values(const TorchModule& module, const char* attribute);

  /// The activation of a Conv, and whether its module activates it.
  struct ConvActivation {
    std::string name;
    bool activated;
    ActivationFunction function;
  };

  std::map<std::string, StoredTensor> tensors;
  std::map<std::string, double> bn_eps;  // per batch norm, by the name of its running_var
  std::vector<ConvActivation> activations;
  std::optional<std::int64_t> input_channels;  // of the first convolution
  std::vector<float> strides;                  // of Detect's levels, if stored

 private:
  StoredTensor find(const TorchModule& module, const std::string& parameter, const std::string& name);

  TorchFile& file_;
};

}  // namespace cudet::convert
