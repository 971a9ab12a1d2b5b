// Runs detect: from options to results.
#pragma once
#include "apps/detect/options.h"

namespace cudet::detect {

/// Finds the images, loads the model and processes the images. Returns the exit status: 0 success; 1 something failed,
/// and the finished results are written. Throws Error if the run cannot start.
int run(const Options& options);

}  // namespace cudet::detect
