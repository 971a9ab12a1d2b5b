// The run: from options to results.
#pragma once
#include "apps/detect/options.h"

namespace cudet::detect {

/// Finds the pictures, loads the model, and works through them. The exit status: 0 all done, 1 something failed and
/// what is finished is written. Throws Error before anything was started.
int run(const Options& options);

}  // namespace cudet::detect
