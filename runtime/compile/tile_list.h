// Lowers a Program to a list of tiles, which blocks of the persistent kernel take one after the other.
#pragma once
#include <cstdint>
#include <vector>

#include "runtime/compile/device_memory.h"
#include "runtime/compile/tile_step.h"
#include "runtime/program.h"

namespace cudet {

/// A ticket is the number of a tile in the list. Tiles of a step are consecutive, and steps wait for earlier ones only.
struct TileList {
  std::vector<TileStep> steps;
  std::vector<TileWait> waits;                // of all steps
  std::vector<std::uint16_t> step_of_ticket;  // per ticket: its step
  std::size_t shared_bytes = 0;               // maximum shared memory of a tile
  unsigned split_counters = 0;                // counters of split sums
};

/// What the list depends on besides the Program.
struct TileTarget {
  int multiprocessors;
  std::size_t shared_bytes_per_block;  // maximum
  std::byte* candidates;               // device memory with CandidateLayout
};

/// Maximum number of tickets. With more, launches take a small share of the time.
constexpr std::size_t kMaxTickets = 1 << 18;

/// Lists the tiles of all steps, for input `slot` of the Program. The last step must be DetectDecode; it is replaced by
/// the search for candidates and NMS. Throws NoTileList if there are more than kMaxTickets, or if an
/// operator has values of another type than the input.
TileList make_tile_list(const Program& program, int slot, const CandidateLayout& layout, const TileTarget& target);

class NoTileList : public Error {
  using Error::Error;
};

}  // namespace cudet
