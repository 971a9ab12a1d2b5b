// The cores that this process may use.
#pragma once
#include <vector>

namespace cudet {

/// Numbers of the cores that the system lets this process use (its affinity), at least one.
std::vector<int> usable_cores();

}  // namespace cudet
