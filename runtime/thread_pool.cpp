#include "runtime/thread_pool.h"

#include <algorithm>

namespace cudet {
namespace {

// The next step often follows within microseconds. Spinning that long is cheaper than sleeping and waking up.
constexpr int kSpins = 2000;

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Waits until `value` differs from `old`. Returns the new value.
template <class T>
T wait_while(const std::atomic<T>& value, T old) {
  for (int i = 0; i < kSpins; ++i) {
    if (const T now = value.load(std::memory_order_acquire); now != old) return now;
    pause();
  }
  value.wait(old, std::memory_order_acquire);
  return value.load(std::memory_order_acquire);
}

}  // namespace

ThreadPool::ThreadPool(int threads) {
  try {
    for (int i = 1; i < threads; ++i) workers_.emplace_back([this, i] { work(i); });
  } catch (...) {  // the system has no more threads: stop those that have started
    stop_ = true;
    ++round_;
    round_.notify_all();
    for (std::thread& worker : workers_) worker.join();
    throw;
  }
}

ThreadPool::~ThreadPool() {
  stop_ = true;
  ++round_;
  round_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::run(int tiles, Call call, const void* context) {
  if (workers_.empty() || tiles < 2) {
    if (tiles > 0) call(context, 0, tiles, 0);
    return;
  }
  call_ = call;
  context_ = context;
  tiles_ = tiles;
  piece_ = std::max(1, tiles / (threads() * 16));  // small, so that threads finish at about the same time
  next_.store(0, std::memory_order_relaxed);
  busy_.store(static_cast<int>(workers_.size()), std::memory_order_relaxed);
  round_.fetch_add(1, std::memory_order_release);
  round_.notify_all();
  take_tiles(0);
  for (int busy = busy_.load(std::memory_order_acquire); busy != 0;) busy = wait_while(busy_, busy);
}

void ThreadPool::take_tiles(int thread) {
  for (int first; (first = next_.fetch_add(piece_, std::memory_order_relaxed)) < tiles_;)
    call_(context_, first, std::min(first + piece_, tiles_), thread);
}

void ThreadPool::work(int thread) {
  for (std::uint32_t round = 0;;) {
    round = wait_while(round_, round);
    if (stop_) return;
    take_tiles(thread);
    if (busy_.fetch_sub(1, std::memory_order_release) == 1) busy_.notify_one();
  }
}

}  // namespace cudet
