// A CUDA thread, its warp and its block. Each thread is a fiber; all threads of a block take turns on one operating
// system thread (the worker), so exactly one of them runs at any time.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "tests/simt/device_code.h"
#include "tests/simt/fiber.h"

namespace simt {

struct Block;
struct Grid;
struct Warp;

/// A cp.async that has started and not yet completed.
struct Copy {
  unsigned char* to;  // 16 bytes of shared memory
  const void* from;
  unsigned bytes;  // 0 to 16, read from `from`; the rest of the 16 bytes becomes 0
};

struct Thread {
  Thread(unsigned number, void (*main)()) : lane(number % 32), fiber(number, main) {}
  Warp* warp = nullptr;
  unsigned lane;
  uint3 index{};  // threadIdx
  Fiber fiber;
  Site site;                             // the source line where it waits
  std::vector<Copy> copies;              // in flight, oldest first
  std::vector<std::size_t> groups;       // size of `copies` at each cp.async commit not yet waited for, oldest first
  const void* polled_address = nullptr;  // of the last polling load, and the value that it read
  std::uint64_t polled_value = 0;
};

/// Operands and results of one warp-wide instruction. Each lane writes its operands; the last lane to arrive executes
/// the instruction for all lanes; then each lane reads its result.
struct Exchange {
  // mma.m16n8k16: registers by lane, as the PTX ISA lays them out, so that each array is 8x8 matrices.
  alignas(64) std::uint32_t a[4][32];  // four matrices of f16 pairs, row-major
  std::uint32_t b[2][32];              // two matrices of f16 pairs, column-major
  float d[2][32][2];                   // two matrices of f32, row-major
  // ldmatrix: shared memory address of a row by lane; the matrices read, each as registers by lane.
  std::uint32_t row[32], matrix[4][32];
  // Shuffles and votes: operand, result and, for a shuffle, the source lane.
  std::uint64_t value[32], result[32];
  std::uint8_t source[32];
};

/// The warp-wide instructions.
enum class Meeting : std::uint8_t { sync, ballot, shuffle, ldmatrix_x4, mma_m16n8k16 };

struct Warp {
  /// An instruction that some lanes of its mask have arrived at and others have not.
  struct Pending {
    std::uint32_t mask, arrived;
    Meeting what;
  };
  Block* block = nullptr;
  Thread* lanes[32]{};
  // Bit masks of lanes. Live: has not returned. Ready: can run. Polling: waits for a memory location to change. A live
  // lane that is neither ready nor polling waits at a barrier or at a pending instruction.
  std::uint32_t live = 0, ready = 0, polling = 0;
  std::uint8_t next_lane[32]{};  // a cycle through all lanes, drawn from the seed: the order in which they run
  Pending pending[32]{};         // the first `pending_count` are valid
  unsigned pending_count = 0;
  Exchange x;
};

/// A block that runs. One object, with the stacks of its fibers, serves many blocks one after another.
struct Block {
  Grid* grid = nullptr;
  uint3 index{};                                 // blockIdx
  std::vector<std::unique_ptr<Thread>> threads;  // at least `size`
  std::vector<std::unique_ptr<Warp>> warps;
  unsigned size = 0, live = 0, at_barrier = 0;  // numbers of threads: all; not returned; at the barrier
  Site barrier_site;                            // where the first thread at the barrier waits
  int predicate_sum = 0, barrier_result = 0;    // of the barrier's predicates: so far; of the last complete barrier
  bool progress = false;                        // in this turn some thread did more than poll an unchanged location
  bool yielded = false;                         // the turn ended early to let other blocks run
  std::uint32_t random = 1;                     // state of next_random()
  std::vector<unsigned char> shared_storage;    // guard, shared memory, guard
  unsigned char* shared = nullptr;
  std::size_t shared_bytes = 0;
  Fiber* worker = nullptr;  // the operating system thread that runs the turn

  /// Becomes block `number` of the grid: threads at the kernel's start, shared memory filled with NaN.
  void start(Grid&, unsigned number);
  /// Runs threads until each has returned, waits, or polls an unchanged location, or until the block yields to others.
  void run_turn(Fiber& worker);
  /// Checks the guards around shared memory.
  void finish();
};

/// The thread that runs on this operating system thread.
extern __thread Thread* self;

/// Executes a warp-wide instruction: waits until all lanes of `mask` have arrived at it.
void meet(unsigned mask, Meeting what, Site site);
/// Ends the launch with a report of one line: where the calling thread is, then the formatted text.
[[noreturn]] void fault(const char* format, ...) __attribute__((format(printf, 1, 2)));

/// 16 bytes of the block's shared memory at an aligned offset. Faults if they are misaligned or past the end; `what`
/// names the instruction.
inline unsigned char* shared_16(unsigned address, const char* what) {
  const Block& block = *self->warp->block;
  if (address % 16 != 0 || address + std::size_t{16} > block.shared_bytes)
    fault("%s at byte %u of %zu of shared memory: past the end, or not a multiple of 16", what, address,
          block.shared_bytes);
  return block.shared + address;
}

/// Whether this release of a counter gets lost, see lose_release() in simt.h.
bool is_lost();
/// Nanoseconds of the launch's clock. It advances by a microsecond per read, and by more when nothing but its readers
/// could still run, so that a wait with a limit ends instead of being a deadlock.
std::uint64_t grid_time();

}  // namespace simt
