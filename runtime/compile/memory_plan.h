// Places buffers in one arena. Buffers that are alive at the same time never overlap.
#pragma once
#include <cstddef>
#include <vector>

namespace cudet {

/// A buffer and the first and last step that use it, both inclusive.
struct Lifetime {
  std::size_t bytes;
  int first, last;
};

struct MemoryPlan {
  std::vector<std::size_t> offsets;  // per buffer: bytes, multiples of kBufferAlignment
  std::size_t bytes;                 // of the arena
  std::size_t live_peak;             // maximum of what is alive in one step: a lower bound of any plan
};

/// Places the buffers one by one, each at the lowest offset that is free during its whole life, in several orders, and
/// keeps the smallest arena. Meant for hundreds of buffers, once per Program. Deterministic.
MemoryPlan plan_memory(const std::vector<Lifetime>& buffers);

}  // namespace cudet
