// Checks that a run does not overwrite its inputs and does not write two outputs to the same file.
#pragma once
#include <string>

#include "apps/detect/options.h"
#include "apps/detect/sources.h"

namespace cudet::detect {

/// Throws Error if an output file, including files in the output folders, would replace an image, the model, its
/// weights, a list of paths or another output. Throws Error if --dump-raw is not a regular file: its header is
/// written last, so it must be seekable. weights: path of the weights of the model.
void refuse_overwriting(const Options& options, const Sources& sources, const std::string& weights);

}  // namespace cudet::detect
