#include "tests/simt/grid.h"

#include <algorithm>
#include <mutex>
#include <thread>

#include "tests/simt/simt.h"

namespace simt {
namespace {

// Idle Block objects, reused by later launches because making their stacks is slow.
class Pool {
 public:
  std::unique_ptr<Block> take() {
    const std::lock_guard lock(mutex_);
    if (blocks_.empty()) return std::make_unique<Block>();
    std::unique_ptr<Block> block = std::move(blocks_.back());
    blocks_.pop_back();
    return block;
  }
  void give_back(std::unique_ptr<Block> block) {
    const std::lock_guard lock(mutex_);
    blocks_.push_back(std::move(block));
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<Block>> blocks_;
};

Pool& pool() {
  static Pool pool;
  return pool;
}

// Blocks that a worker runs alternately in an ordinary launch, once one of them has yielded: enough to show a missing
// synchronisation between blocks.
constexpr std::size_t kInterleavedBlocks = 3;

constexpr std::uint64_t kClockStep = 50'000'000;  // ns

bool is_polling(const Block& block) {
  return std::any_of(block.warps.begin(), block.warps.end(), [](const auto& warp) { return warp->polling != 0; });
}

}  // namespace

Grid::Grid(const Launch& launch_, unsigned resident, std::uint32_t seed_)
    : launch(launch_),
      seed(seed_),
      resident_(resident),
      order_(launch_.blocks.x * launch_.blocks.y * launch_.blocks.z) {
  std::uint32_t random = seed;
  for (unsigned i = 0; i < order_.size(); ++i) order_[i] = i;
  for (std::size_t i = order_.size(); i-- > 1;) std::swap(order_[i], order_[next_random(random) % (i + 1)]);
}

std::string Grid::run(unsigned workers) {
  workers_ = std::min<unsigned>(workers, static_cast<unsigned>(order_.size()));
  stalled_at_ = std::vector<std::atomic<std::uint64_t>>(workers_);
  std::vector<std::thread> helpers;
  for (unsigned worker = 1; worker < workers_; ++worker) helpers.emplace_back(&Grid::run_worker, this, worker);
  run_worker(0);
  for (std::thread& helper : helpers) helper.join();
  return report_;
}

void Grid::run_worker(unsigned worker) {
  const auto share = [&](std::size_t blocks) { return (blocks + workers_ - 1) / workers_; };
  std::size_t wanted = launch.cooperative ? share(order_.size()) : 1;
  std::vector<std::unique_ptr<Block>> running;
  Fiber worker_fiber;
  while (!failed()) {
    for (unsigned next; running.size() < wanted && (next = next_++) < order_.size();) {
      running.push_back(pool().take());
      running.back()->start(*this, order_[next]);
    }
    if (running.empty()) break;
    const std::uint64_t before = rounds_;
    bool progress = false, yielded = false;
    for (std::size_t i = 0; i < running.size() && !failed();) {
      Block& block = *running[i];
      block.run_turn(worker_fiber);
      progress |= block.progress;
      if (failed()) break;
      if (block.live == 0) {
        block.finish();
        pool().give_back(std::move(running[i]));
        running.erase(running.begin() + static_cast<std::ptrdiff_t>(i));
        continue;
      }
      yielded |= block.yielded;
      if (!block.yielded && !is_polling(block)) fail(deadlock_report(block));
      ++i;
    }
    if (yielded) wanted = std::max(wanted, std::min(kInterleavedBlocks, share(resident_)));
    if (progress) {
      ++rounds_;
      continue;
    }
    if (failed()) break;
    if (next_ < order_.size() && wanted < share(resident_)) {
      ++wanted;  // the blocks that poll may wait for one that has not started
      continue;
    }
    stalled_at_[worker] = before;
    if (all_workers_stalled(before)) {
      // One worker advances the clock: the one that changes rounds_. The others then find that it has changed.
      std::uint64_t unchanged = before;
      if (!clock_was_read_) {
        if (rounds_ == before) fail(deadlock_report(*running[0]));
      } else if (rounds_.compare_exchange_strong(unchanged, before + 1)) {
        clock_was_read_ = false;
        clock_ += kClockStep;
      }
    }
    std::this_thread::yield();
  }
  stalled_at_[worker] = kWorkerDone;
}

bool Grid::all_workers_stalled(std::uint64_t rounds) const {
  return std::all_of(stalled_at_.begin(), stalled_at_.end(),
                     [&](const auto& s) { return s == rounds || s == kWorkerDone; }) &&
         rounds_ == rounds;
}

namespace {
std::atomic<unsigned> releases_until_lost = 0;
}

void lose_release(unsigned release) {
  releases_until_lost = release;
}

bool is_lost() {
  unsigned left = releases_until_lost;
  while (left > 0 && !releases_until_lost.compare_exchange_weak(left, left - 1)) {
  }
  return left == 1;
}

std::uint64_t grid_time() {
  return self->warp->block->grid->read_clock();
}

void Grid::fail(const std::string& report) {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  if (!failed_) report_ = report;
  failed_ = true;
}

}  // namespace simt
