// The CPU cores that this process may use.
#pragma once
#include <vector>

namespace cudet {

/// Returns the indices of the cores in the process's affinity mask, at least one.
std::vector<int> usable_cores();

}  // namespace cudet
