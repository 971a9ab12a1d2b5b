// Loads a model from its description or from a checkpoint.
#pragma once
#include <string>

#include "runtime/cudet.h"

namespace cudet {

/// Whether a path names a checkpoint (.pt, .pth) and not a description.
bool is_checkpoint(const std::string& path);

/// Loads a description and its weights as Model::load does, or converts a checkpoint in memory. `weights` is only for
/// descriptions. Throws Error with the path.
Model load_model(const std::string& path, const std::string& weights = "");

}  // namespace cudet
