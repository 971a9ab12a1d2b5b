// A running launch: its blocks, in a random order, on the workers (operating system threads).
#pragma once
#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "tests/simt/thread.h"

namespace simt {

/// A kernel launch as requested.
struct Launch {
  const void* kernel;            // address of the kernel, from which reports find its name
  std::function<void()> thread;  // calls the kernel with its arguments; every thread runs it
  dim3 blocks, threads;
  std::size_t shared_bytes;
  bool cooperative;  // all blocks are resident at once, so they may wait for each other
};

struct Grid {
  /// `resident`: maximum number of blocks that the device holds at once. `seed` determines the order of everything.
  Grid(const Launch& launch, unsigned resident, std::uint32_t seed);

  /// Runs the launch on the given number of workers. Returns the report of the first fault, or an empty string.
  std::string run(unsigned workers);

  /// Stops all workers. The first report is kept.
  void fail(const std::string& report);
  /// The launch's clock, for grid_time().
  std::uint64_t read_clock() {
    clock_was_read_ = true;
    return clock_ += kClockTick;
  }
  bool failed() const { return failed_.load(std::memory_order_relaxed); }

  const Launch& launch;
  const std::uint32_t seed;

 private:
  static constexpr std::uint64_t kClockTick = 1000;  // ns that pass between two reads
  static constexpr std::uint64_t kWorkerDone = ~std::uint64_t{0};
  void run_worker(unsigned worker);
  bool all_workers_stalled(std::uint64_t rounds) const;

  const unsigned resident_;
  std::vector<unsigned> order_;     // block numbers in the order in which they start
  std::atomic<unsigned> next_ = 0;  // index into order_ of the next block to start
  unsigned workers_ = 1;
  // Deadlock detection. rounds_ counts the rounds of any worker in which some block made progress. A worker whose
  // blocks all poll unchanged locations stores the count from before its round. When all workers have stored the
  // current count, no polled location can change any more.
  std::atomic<std::uint64_t> rounds_ = 1;
  std::vector<std::atomic<std::uint64_t>> stalled_at_;  // by worker
  std::atomic<std::uint64_t> clock_ = 1;                // ns
  std::atomic<bool> clock_was_read_ = false;            // since it advanced
  std::atomic<bool> failed_ = false;
  std::string report_;
};

/// Suspends `thread` and runs another thread of its block. Returns when `thread` runs again. `returned`: the kernel has
/// returned in this thread, so it never runs again.
void run_others(Thread& thread, bool returned = false);
/// The report of a block none of whose threads can ever run again.
std::string deadlock_report(const Block& block);
/// The kernel's name, without namespaces and parameters; "?" if unknown.
std::string kernel_name(const void* kernel);
/// "kernel conv, block (1,0,0), thread (3,0,0)".
std::string location(const Thread& thread);

/// Pseudorandom numbers (xorshift); `state` must not be 0.
inline std::uint32_t next_random(std::uint32_t& state) {
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return state;
}
/// A seed derived from two numbers (the finalizer of splitmix64), never 0.
inline std::uint32_t mix_seed(std::uint32_t a, std::uint32_t b) {
  std::uint64_t z = (std::uint64_t{a} << 32 | b) + 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return static_cast<std::uint32_t>(z ^ z >> 31) | 1;
}

}  // namespace simt
