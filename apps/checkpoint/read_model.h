// Reads a checkpoint as the runtime's description and weights, for programs that look inside of a model.
#pragma once
#include <memory>
#include <string>

#include "layers/layer.h"
#include "runtime/model/description.h"

namespace cudet::convert {

struct CheckpointModel {
  Description description;  // with the input size of the training, rounded up to the stride
  std::shared_ptr<const WeightSource> weights;
};

/// Reads a checkpoint and checks that the runtime can run it. Throws Error with the path.
CheckpointModel read_model(const std::string& path);

}  // namespace cudet::convert
