#include "apps/checkpoint/read_model.h"

#include "apps/checkpoint/check_runnable.h"
#include "apps/checkpoint/checkpoint.h"
#include "kernels/error.h"

namespace cudet::convert {
namespace {

/// The weights of a checkpoint, which stays in memory while a graph refers to its values.
class CheckpointWeights final : public WeightSource {
 public:
  explicit CheckpointWeights(Checkpoint checkpoint)
      : checkpoint_(std::make_shared<Checkpoint>(std::move(checkpoint))) {}

  bool has(const std::string& name) const override { return checkpoint_->weights.contains(name); }
  std::vector<int> shape(const std::string& name) const override {
    const auto found = checkpoint_->weights.find(name);
    if (found == checkpoint_->weights.end()) return {};
    return {found->second.shape.begin(), found->second.shape.end()};
  }
  Values values(const std::string& name, const std::vector<int>& shape) const override {
    const auto found = checkpoint_->weights.find(name);
    if (found == checkpoint_->weights.end()) throw Error(name + " is missing");
    if (this->shape(name) != shape) throw Error(name + " has a shape that does not fit the rows before it");
    return [owner = checkpoint_, tensor = &found->second](std::span<float> out) {
      to_f32(tensor->dtype, tensor->data.data(), out);
    };
  }

 private:
  std::shared_ptr<Checkpoint> checkpoint_;
};

}  // namespace

CheckpointModel read_model(const std::string& path) {
  try {
    Checkpoint checkpoint = read_checkpoint(TorchFile::open(path));
    round_input(checkpoint.table, check_runnable(checkpoint.table, &checkpoint.weights, path));
    Description description = parse_description(to_json(checkpoint.table, ""), path);
    return {std::move(description), std::make_shared<CheckpointWeights>(std::move(checkpoint))};
  } catch (const Error& error) {
    const std::string what = error.what();
    throw Error(what.starts_with(path + ":") ? what : path + ": " + what);
  }
}

}  // namespace cudet::convert
