// A run must not write over what it reads.
#pragma once
#include "apps/detect/options.h"
#include "apps/detect/sources.h"

namespace cudet {

/// Throws Error where an output would replace a picture, the model, its weights, a list, or another output.
void refuse_overwriting(const Options& options, const Sources& sources);

}  // namespace cudet
