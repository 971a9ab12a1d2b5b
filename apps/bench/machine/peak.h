// What the processor can do at the most, measured through the pool of threads that runs a Program's steps.
#pragma once
#include <string>
#include <vector>

#include "runtime/thread_pool.h"

namespace cudet::bench {

/// The instruction set that the kernels use here, as Highway calls it: "AVX2", "AVX3" (AVX-512), "NEON".
std::string instruction_set();

/// A fixed amount of fp32 multiply-adds on registers alone, shared among the threads as the tiles of a step are. There
/// are enough sums for every unit of a core to be busy at all times, so the quickest run is the peak.
class MultiplyAdds {
 public:
  /// As much as takes the pool about `milliseconds`.
  MultiplyAdds(ThreadPool& pool, double milliseconds);

  double run();          ///< milliseconds
  double gflop() const;  ///< of a run, 1e9 floating-point operations: 2 a multiply-add

 private:
  ThreadPool& pool_;
  std::vector<float> sums_;  // of each tile: what nobody reads would not be computed
  int iterations_ = 1000;    // of a tile
};

/// 1e9 bytes a second that the threads read from memory: the best of several passes over a buffer of four times the
/// last-level caches of the cores that this process may use, 64 MiB to 1 GiB. Throws Error where there is no memory.
double read_bandwidth_gbs(ThreadPool& pool);

}  // namespace cudet::bench
