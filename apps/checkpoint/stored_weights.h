// The weights of a checkpoint as the runtime reads them.
#pragma once
#include <map>
#include <memory>
#include <string>

#include "kernels/error.h"
#include "layers/layer.h"
#include "runtime/model/safetensors.h"

namespace cudet::convert {

/// Refers to tensors; values that it returns keep `owner`, if given, which owns them.
class StoredWeights final : public WeightSource {
 public:
  explicit StoredWeights(const std::map<std::string, StoredTensor>& tensors,
                         std::shared_ptr<const void> owner = nullptr)
      : tensors_(tensors), owner_(std::move(owner)) {}

  bool has(const std::string& name) const override { return tensors_.contains(name); }
  std::vector<int> shape(const std::string& name) const override {
    const auto found = tensors_.find(name);
    if (found == tensors_.end()) return {};
    return {found->second.shape.begin(), found->second.shape.end()};
  }
  Values values(const std::string& name, const std::vector<int>& shape) const override {
    const auto found = tensors_.find(name);
    if (found == tensors_.end()) throw Error(name + " is missing");
    if (this->shape(name) != shape) throw Error(name + " has a shape that does not fit the rows before it");
    return [owner = owner_, &tensor = found->second](std::span<float> out) {
      to_f32(tensor.dtype, tensor.data.data(), out);
    };
  }

 private:
  const std::map<std::string, StoredTensor>& tensors_;
  std::shared_ptr<const void> owner_;
};

}  // namespace cudet::convert
