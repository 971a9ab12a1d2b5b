// A launch as it runs: blocks in a random order on the operating system's threads.
#pragma once
#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "tests/simt/thread.h"

namespace simt {

/// What a kernel's launch asks for.
struct Launch {
  const void* kernel;            // its address, by which reports find its name
  std::function<void()> thread;  // the kernel with its arguments: what each thread runs
  dim3 blocks, threads;
  std::size_t shared_bytes;
  bool together;  // all blocks at once, so that they may wait for each other
};

struct Grid {
  /// `resident`: blocks that the device holds at once.
  Grid(const Launch& launch, unsigned resident, std::uint32_t seed);

  /// Runs the launch; the report of what went wrong, or nothing.
  std::string run(unsigned workers);

  void fail(const std::string& report);  // the first report is kept; all workers stop
  bool failed() const { return failed_.load(std::memory_order_relaxed); }

  const Launch& launch;
  const std::uint32_t seed;

 private:
  static constexpr std::uint64_t kDone = ~std::uint64_t{0};
  void work(unsigned worker);
  bool no_one_has_news(std::uint64_t since);

  const unsigned resident_;
  std::vector<unsigned> order_;     // of the blocks
  std::atomic<unsigned> next_ = 0;  // in order_
  unsigned workers_ = 1;
  // A worker whose threads all look for news in vain notes which turn of the grid it saw; when all have seen the same,
  // no news can come.
  std::atomic<std::uint64_t> turns_ = 1;
  std::vector<std::atomic<std::uint64_t>> seen_;
  std::atomic<bool> failed_ = false;
  std::string report_;
};

/// Runs other threads of the block; comes back when `thread` may go on. `for_good`: it has returned.
void let_others_run(Thread& thread, bool for_good = false);
/// Why a block that no thread of can run will never end.
std::string stuck(const Block& block);
std::string kernel_name(const void* kernel);
/// "kernel conv, block (1,0,0), thread (3,0,0)".
std::string place(const Thread& thread);

/// Numbers from a seed (xorshift).
inline std::uint32_t draw(std::uint32_t& random) {
  random ^= random << 13;
  random ^= random >> 17;
  random ^= random << 5;
  return random;
}
/// A seed made of two numbers, never 0.
inline std::uint32_t mix(std::uint32_t a, std::uint32_t b) {
  std::uint64_t z = (std::uint64_t{a} << 32 | b) + 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return static_cast<std::uint32_t>(z ^ z >> 31) | 1;
}

}  // namespace simt
