// The interface between the persistent kernel and the host. nvcc reads this header too, in C++17.
#pragma once
#include <cstdint>

#include "runtime/compile/tile_step.h"

namespace cudet {

/// Counters that blocks share, in device memory.
struct TileProgress {
  unsigned next_ticket;  // number of tickets that blocks have taken; 0 between launches
  unsigned exits;        // number of blocks that have left; 0 between launches
  unsigned stopped;      // 1: a wait took too long, and the results are not valid. Only the host sets it to 0
};

/// The argument of the persistent kernel: a TileList in device memory.
struct PersistentArguments {
  Memory memory;
  std::byte* shares;  // of split sums
  TileProgress* progress;
  unsigned* counters;       // 0 between launches: those of split sums, then `ended`
  unsigned* ended;          // per step: number of its tiles that have ended
  unsigned counters_count;  // of both
  const TileStep* steps;
  const TileWait* waits;
  const std::uint16_t* step_of_ticket;
  unsigned tickets;
  unsigned shared_state;        // offset of the block's own variables in shared memory, bytes
  unsigned long long patience;  // ns that a wait may take without any progress
};

using PersistentKernel = void (*)(PersistentArguments);
/// The kernel for activations of a type. `shared_state_bytes` of shared memory follow those of the tiles.
struct PersistentInstance {
  PersistentKernel kernel;
  std::size_t shared_state_bytes;
};
PersistentInstance persistent_f16(), persistent_f32();

}  // namespace cudet
