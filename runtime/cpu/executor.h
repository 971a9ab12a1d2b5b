// Runs a Program's steps on the CPU.
#pragma once
#include "runtime/buffer.h"
#include "runtime/program.h"
#include "runtime/thread_pool.h"

namespace cudet {

/// Runs each step's kernel; the pool's threads share its tiles. Allocates nothing after construction.
class CpuExecutor {
 public:
  explicit CpuExecutor(int threads) : pool_(threads), scratch_(static_cast<std::size_t>(threads) * kCpuScratch) {}

  void run(const Program& program, const Memory& memory);
  /// Runs one step with a plan that plan_step() made for it, for this executor's number of threads or any other.
  void run(const Step& step, const StepPlan& plan, const Memory& memory);

  ThreadPool& pool() { return pool_; }
  /// Calls body(memory, first, last) as ThreadPool::for_tiles does; memory.scratch belongs to the calling thread.
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

/// Run a step, or all steps, with the plain loops of the references. Weights must be packed by pack_for_reference. For
/// tests and bench.
void run_reference_step(const Step& step, const Memory& memory);
void run_reference(const Program& program, const Memory& memory);

}  // namespace cudet
