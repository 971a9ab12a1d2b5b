// The CPU cores that this process may use.
#pragma once
#include <string>
#include <vector>

namespace cudet {

/// Returns the indices of the cores in the process's affinity mask, at least one.
std::vector<int> usable_cores();

/// Returns the number of cores' worth of time that the process's control groups (version 1 and 2, with their parents)
/// allow, rounded up: 2 for 150 ms in every 100 ms. Returns 0 without a limit. root: prefix of /proc and of the mount
/// points, for tests.
int cgroup_cores(const std::string& root = "");

/// Returns the number of threads that can run at the same time: usable cores, or cgroup_cores() if that is less.
int default_threads();

}  // namespace cudet
