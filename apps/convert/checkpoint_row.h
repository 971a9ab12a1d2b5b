// A row of a checkpoint's network: an Ultralytics module turned into a row of the network table.
#pragma once
#include <string>
#include <string_view>

#include "apps/convert/model_table.h"
#include "apps/convert/torch_module.h"

namespace cudet::convert {

/// The row as its module really is (sizes from its tensors, settings from its attributes), and its weights into
/// `weights`. `from` is left to the caller. Throws Error, without the row's name, where no row can say what it does;
/// which arguments the runtime takes is check_runnable's to say.
ModelRow read_checkpoint_row(const TorchModule& module, TorchWeights& weights);

/// Whether a class of this name is DySample, by whatever fork: "DySample", "DySample_UP", "Dysample".
bool is_dysample(std::string_view kind);

/// Why the runtime cannot run a module: "segmentation models are not supported".
std::string why_unsupported(std::string_view kind);

}  // namespace cudet::convert
