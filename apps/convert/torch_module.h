// A torch.nn.Module in a checkpoint: its class's name, attributes, sub-modules, and the weights taken from it.
#pragma once
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "apps/convert/torch_file.h"
#include "kernels/error.h"

namespace cudet::convert {

/// Errors name the module within its row ("m.0.cv1: …"); the row's own give just the fault.
class TorchModule {
 public:
  /// A whole row, "model.3".
  TorchModule(PickleValue value, std::string name) : TorchModule(value, std::move(name), "") {}

  std::string_view kind() const { return value_.name(); }  // the class's name: "Conv2d"
  const std::string& name() const { return name_; }        // "model.3.cv1"
  Error fault(const std::string& why) const;               // to be thrown

  std::optional<PickleValue> attribute(std::string_view name) const;                       // that isn't None
  std::optional<std::int64_t> integer(std::string_view name) const;                        // an attribute that is one
  bool flag(std::string_view name) const;                                                  // an attribute that is True
  std::optional<std::pair<std::int64_t, std::int64_t>> pair(std::string_view name) const;  // (h, w), or one for both

  std::optional<TorchModule> find(std::string_view child) const;
  TorchModule child(std::string_view name) const;  // throws where it lacks it
  /// Those of a Sequential or ModuleList in order; throws where they are not called "0", "1", …
  std::vector<TorchModule> children() const;
  /// Throws where there is another sub-module: what it does would be lost.
  void expect_children(std::initializer_list<std::string_view> names) const;
  TorchModule as_row() const;  // the same, errors without its place
  void expect_kind(std::string_view kind) const;

  std::optional<PickleValue> parameter(std::string_view name) const;  // or buffer, that isn't None
  /// Throws where there is another parameter or buffer.
  void expect_parameters(std::initializer_list<std::string_view> names) const;

 private:
  TorchModule(PickleValue value, std::string name, std::string label);
  PickleValue value_;
  std::string name_, label_;  // label_: within the row
};

/// Collects the weights that rows take.
class TorchWeights {
 public:
  explicit TorchWeights(TorchFile& file) : file_(file) {}

  /// The parameter's values under the module's name, kept for writing. Throws where it is not there, is not of floats,
  /// has other sizes than `shape` (0: any), or holds values that are not finite.
  const StoredTensor& take(const TorchModule& module, const char* parameter, const std::vector<std::int64_t>& shape);
  /// The values of a buffer that need not be kept.
  std::vector<float> values(const TorchModule& module, const char* buffer);

  std::map<std::string, StoredTensor> tensors;
  std::optional<double> bn_eps;  // of all batch norms so far

 private:
  TorchFile& file_;
};

}  // namespace cudet::convert
