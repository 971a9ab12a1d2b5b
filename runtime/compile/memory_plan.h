// Assigns buffers their offsets in one arena. Buffers that are alive at the same time never overlap.
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
  std::size_t live_peak;             // maximum bytes alive in one step: a lower bound for any plan
};

/// Assigns each buffer in turn the lowest offset that is free during its whole lifetime. Tries several orders and keeps
/// the smallest arena. Intended for hundreds of buffers, once per Program. Deterministic.
MemoryPlan plan_memory(const std::vector<Lifetime>& buffers);

}  // namespace cudet
