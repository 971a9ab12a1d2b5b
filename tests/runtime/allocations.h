// Counts what the program allocates through operator new.
#pragma once
#include <cstddef>

namespace cudet::test {

/// Allocations so far, of all threads.
std::size_t allocations();

}  // namespace cudet::test
