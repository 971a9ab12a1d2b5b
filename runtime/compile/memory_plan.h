// Where in one arena each buffer lies, so that buffers that are alive at the same time never overlap.
#pragma once
#include <cstddef>
#include <vector>

namespace cudet {

/// A buffer and the steps during which it holds something needed, both inclusive.
struct Lifetime {
  std::size_t bytes;
  int first, last;
};

struct MemoryPlan {
  std::vector<std::size_t> offsets;  // of each buffer, bytes, multiples of kBufferAlignment
  std::size_t bytes;                 // of the arena
  std::size_t live_peak;             // the most that is alive during one step: no plan can do with less
};

/// Plans once, offline, for few buffers (hundreds): places them one by one at the lowest offset that is free for their
/// whole life, in several orders, and keeps the smallest arena. Deterministic.
MemoryPlan plan_memory(const std::vector<Lifetime>& buffers);

}  // namespace cudet
