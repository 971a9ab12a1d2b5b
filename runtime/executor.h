// Who walks a Program. Executors share the steps; each brings its own kernels.
#pragma once
#include "runtime/program.h"
#include "runtime/thread_pool.h"

namespace cudet {

/// Runs steps on the CPU: the tiles of each are shared among the pool's threads. Allocates nothing.
class CpuExecutor {
 public:
  explicit CpuExecutor(int threads) : pool_(threads) {}
  void run(const Program& program, const Memory& memory);
  void run(const Step& step, const Memory& memory);
  ThreadPool& pool() { return pool_; }

 private:
  ThreadPool pool_;
};

/// Runs steps by the plainest loops, for tests; weights packed by pack_for_reference.
void run_reference(const Program& program, const Memory& memory);

}  // namespace cudet
