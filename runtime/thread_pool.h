// A thread pool whose threads share a step's tiles.
#pragma once
#include <atomic>
#include <cstdint>
#include <thread>
#include <type_traits>
#include <vector>

namespace cudet {

/// A fixed number of threads, the caller included. Only one caller at a time may use it.
class ThreadPool {
 public:
  /// Starts threads - 1 workers; threads is at least 1.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;  // its threads hold its address
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  /// Calls body(first, last) or body(first, last, thread) for ranges that cover each tile of [0, tiles) once, in any
  /// order. Returns when all calls have ended. `thread` is the index, below threads(), of the thread that runs the
  /// body; the caller's is 0. The body must not throw. Allocates nothing.
  template <class Body>
  void for_tiles(int tiles, const Body& body) {
    run(
        tiles,
        [](const void* context, int first, int last, int thread) {
          if constexpr (std::is_invocable_v<Body, int, int, int>)
            (*static_cast<const Body*>(context))(first, last, thread);
          else
            (*static_cast<const Body*>(context))(first, last);
        },
        &body);
  }

 private:
  using Call = void (*)(const void* context, int first, int last, int thread);
  void run(int tiles, Call call, const void* context);
  void take_tiles(int thread);
  void work(int thread);

  std::vector<std::thread> workers_;
  std::atomic<std::uint32_t> round_{0};  // counts calls of run(); a change wakes the workers
  std::atomic<int> next_{0};             // first tile that no thread has taken
  std::atomic<int> busy_{0};             // workers that are still running the round
  std::atomic<bool> stop_{false};
  Call call_ = nullptr;
  const void* context_ = nullptr;
  int tiles_ = 0, piece_ = 1;
};

}  // namespace cudet
