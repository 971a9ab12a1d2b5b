// Converts an Ultralytics module of a checkpoint to a row of the network table.
#pragma once
#include <string>
#include <string_view>

#include "apps/checkpoint/model_table.h"
#include "apps/checkpoint/torch_module.h"

namespace cudet::convert {

/// Returns the row of a module, with sizes from its tensors and settings from its attributes, and adds its weights to
/// `weights`. The caller sets `from`. Throws Error, without the name of the row, if no row can describe the module.
/// check_runnable() checks whether the runtime supports the arguments.
ModelRow read_checkpoint_row(const TorchModule& module, TorchWeights& weights);

/// Returns why the runtime cannot run a module: "segmentation models are not supported".
std::string why_unsupported(std::string_view kind);

}  // namespace cudet::convert
