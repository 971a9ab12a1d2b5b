// A CUDA thread, its warp and its block, as fibers that take turns on one thread of the operating system.
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

struct Copy {  // of cp.async, on its way
  unsigned char* to;
  const void* from;
  unsigned bytes;  // of 16; the rest is 0
};

struct Thread {
  Thread(unsigned number, void (*main)()) : lane(number % 32), fiber(number, main) {}
  Warp* warp = nullptr;
  unsigned lane;
  uint3 index{};
  Fiber fiber;
  Site site;                        // where it waits
  std::vector<Copy> copies;         // started and not yet landed, oldest first
  std::vector<std::size_t> groups;  // how many of `copies` there were at each commit, oldest first
  const void* polled = nullptr;     // where it looked for news, and what it saw there
  std::uint64_t saw = 0;
};

/// What lanes lay out for an instruction of the whole warp; the last lane to come does the work for all.
struct Exchange {
  alignas(64) std::uint32_t a[4][32];    // mma's operands, as lanes hold them: a[i] is an 8x8 matrix, row by row
  std::uint32_t b[2][32];                // 8x8 each, column by column
  float d[2][32][2];                     // 8x8 each, row by row
  std::uint32_t row[32], matrix[4][32];  // ldmatrix: addresses, and what was there
  std::uint64_t value[32], result[32];   // shuffles and votes
  std::uint8_t from[32];
};

enum class Meeting : std::uint8_t { sync, ballot, shuffle, ldmatrix_x4, mma_m16n8k16 };

struct Warp {
  struct Arrivals {
    std::uint32_t mask, lanes;
    Meeting what;
  };
  Block* block = nullptr;
  Thread* lanes[32]{};
  std::uint32_t live = 0, ready = 0, polling = 0;  // lanes that have not returned, that can run, that wait for news
  std::uint8_t next[32]{};                         // a ring through the lanes, drawn from the seed
  Arrivals meetings[32]{};                         // of which `open` wait for further lanes
  unsigned open = 0;
  Exchange x;
};

/// A block and its fibers; the same object serves one block of a grid after the other.
struct Block {
  Grid* grid = nullptr;
  uint3 index{};
  std::vector<std::unique_ptr<Thread>> threads;  // at least as many as the block has
  std::vector<std::unique_ptr<Warp>> warps;
  unsigned size = 0, live = 0, waiting = 0;  // threads: all, that have not returned, that are at the barrier
  Site barrier;
  int sum = 0, total = 0;  // of the barrier's predicates: so far, of the last one
  bool news = false;       // in this turn some thread did more than look for news in vain
  bool left = false;       // the turn ended for other blocks' sake, and threads can run
  std::uint32_t random = 1;
  std::vector<unsigned char> storage;
  unsigned char* shared = nullptr;
  std::size_t shared_bytes = 0;
  Fiber* home = nullptr;  // the worker that it runs on

  void start(Grid&, unsigned number);
  void turn(Fiber& home);  // runs it until all threads have returned, or wait, or have looked for news in vain
  void finish();
};

extern __thread Thread* self;

/// The lanes of `mask` meet, and the last to come does the work for all.
void meet(unsigned mask, Meeting what, Site site);
/// The kernel went wrong: one line says where and how, and the launch is over.
[[noreturn]] void fault(const char* format, ...) __attribute__((format(printf, 1, 2)));

/// 16 bytes of the block's shared memory.
inline unsigned char* shared_16(unsigned address, const char* what) {
  const Block& block = *self->warp->block;
  if (address % 16 != 0 || address + std::size_t{16} > block.shared_bytes)
    fault("%s at byte %u of %zu of shared memory: past the end, or not a multiple of 16", what, address,
          block.shared_bytes);
  return block.shared + address;
}

}  // namespace simt
