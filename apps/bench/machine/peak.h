// The processor's peak: fp32 arithmetic and memory bandwidth, measured on the thread pool that also runs a Program's
// steps.
#pragma once
#include <string>
#include <vector>

#include "runtime/thread_pool.h"

namespace cudet::bench {

/// The instruction set of the measurements below and of the convolutions, by its Highway name: "AVX2", "AVX3"
/// (AVX-512), "NEON". It differs from instruction_set() of kernels/instruction_set.h on machines with SVE, which the
/// convolutions do not use.
std::string convolution_instruction_set();

/// A fixed amount of fp32 multiply-adds on registers, distributed over the threads like the tiles of a step. There are
/// enough independent sums to keep every arithmetic unit of a core busy, so the fastest run is the peak.
class MultiplyAdds {
 public:
  /// Chooses the amount of work such that a run takes about `milliseconds`.
  MultiplyAdds(ThreadPool& pool, double milliseconds);

  double run();          ///< Returns its time in milliseconds.
  double gflop() const;  ///< 1e9 floating-point operations per run; a multiply-add counts as 2.

 private:
  ThreadPool& pool_;
  std::vector<float> sums_;  // one per tile; without a use of the results the compiler would remove the work
  int iterations_ = 1000;    // per tile
};

/// Bandwidth of reads from memory by all threads, in 1e9 bytes per second: the best of several passes over a buffer of
/// four times the last-level caches of the usable cores, clamped to 64 MiB .. 1 GiB. Throws Error if out of memory.
double read_bandwidth_gbs(ThreadPool& pool);

}  // namespace cudet::bench
