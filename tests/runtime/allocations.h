// Counts calls of operator new.
#pragma once
#include <cstddef>

namespace cudet::test {

/// Number of allocations so far, by all threads.
std::size_t allocations();

}  // namespace cudet::test
