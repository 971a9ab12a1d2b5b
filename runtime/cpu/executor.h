// Who walks a Program. Executors share the steps; each brings its own kernels.
#pragma once
#include "runtime/program.h"
#include "runtime/thread_pool.h"

namespace cudet {

/// Runs steps on the CPU: the tiles of each are shared among the pool's threads. Allocates nothing.
class CpuExecutor {
 public:
  explicit CpuExecutor(int threads) : pool_(threads), scratch_(static_cast<std::size_t>(threads) * kCpuScratch) {}
  void run(const Program& program, const Memory& memory);
  void run(const Step& step, const Memory& memory);
  ThreadPool& pool() { return pool_; }
  /// Calls body(memory, first, last) as the pool's for_tiles does, with scratch memory of the thread's own.
  template <class Body>
  void for_tiles(int tiles, const Memory& memory, const Body& body) {
    pool_.for_tiles(tiles, [&](int first, int last, int thread) {
      std::byte* scratch = scratch_.data() + static_cast<std::size_t>(thread) * kCpuScratch;
      body(Memory{memory.arena, memory.weights, scratch}, first, last);
    });
  }

 private:
  ThreadPool pool_;
  Buffer scratch_;
};

/// Runs steps by the plainest loops, for tests; weights packed by pack_for_reference.
void run_reference(const Program& program, const Memory& memory);

}  // namespace cudet
