// A run must not write over what it reads, nor twice to one place.
#pragma once
#include <string>

#include "apps/detect/options.h"
#include "apps/detect/sources.h"

namespace cudet::detect {

/// Throws Error where an output, those within folders included, would replace a picture, the model, its weights, a list
/// or another output, or where --dump-raw, which goes back to its start, is no ordinary file. weights: the model's.
void refuse_overwriting(const Options& options, const Sources& sources, const std::string& weights);

}  // namespace cudet::detect
