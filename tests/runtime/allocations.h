// Counts calls of operator new and makes single ones fail.
#pragma once
#include <cstddef>
#include <new>

#include "kernels/error.h"

namespace cudet::test {

/// Number of allocations so far, by all threads.
std::size_t allocations();

/// While it exists, one allocation of this thread fails: number `at`, counted from 0.
class FailingAllocation {
 public:
  explicit FailingAllocation(std::size_t at);
  ~FailingAllocation();
  FailingAllocation(const FailingAllocation&) = delete;
  FailingAllocation& operator=(const FailingAllocation&) = delete;

  bool happened() const;  // whether there was such an allocation
};

/// Calls `act` with its first allocation failing, then with the second, up to the last. It may return or throw Error or
/// std::bad_alloc; other exceptions are passed on. Returns the number of allocations.
template <class Act>
std::size_t fail_each_allocation(const Act& act) {
  for (std::size_t at = 0;; ++at) {
    const FailingAllocation failing(at);
    try {
      act();
    } catch (const Error&) {
    } catch (const std::bad_alloc&) {
    }
    if (!failing.happened()) return at;
  }
}

}  // namespace cudet::test
