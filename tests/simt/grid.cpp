#include "tests/simt/grid.h"

#include <algorithm>
#include <mutex>
#include <thread>

namespace simt {
namespace {

// Blocks keep their stacks from launch to launch.
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

constexpr std::size_t kAbreast = 3;  // blocks that take turns where none must wait for another

bool polls(const Block& block) {
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
  for (std::size_t i = order_.size(); i-- > 1;) std::swap(order_[i], order_[draw(random) % (i + 1)]);
}

std::string Grid::run(unsigned workers) {
  workers_ = std::min<unsigned>(workers, static_cast<unsigned>(order_.size()));
  seen_ = std::vector<std::atomic<std::uint64_t>>(workers_);
  std::vector<std::thread> helpers;
  for (unsigned worker = 1; worker < workers_; ++worker) helpers.emplace_back(&Grid::work, this, worker);
  work(0);
  for (std::thread& helper : helpers) helper.join();
  return report_;
}

void Grid::work(unsigned worker) {
  const auto share = [&](std::size_t blocks) { return (blocks + workers_ - 1) / workers_; };
  std::size_t wanted = launch.together ? share(order_.size()) : 1;
  std::vector<std::unique_ptr<Block>> here;
  Fiber home;
  while (!failed()) {
    for (unsigned next; here.size() < wanted && (next = next_++) < order_.size();) {
      here.push_back(pool().take());
      here.back()->start(*this, order_[next]);
    }
    if (here.empty()) break;
    const std::uint64_t before = turns_;
    bool news = false, left = false;
    for (std::size_t i = 0; i < here.size() && !failed();) {
      Block& block = *here[i];
      block.turn(home);
      news |= block.news;
      if (failed()) break;
      if (block.live == 0) {
        block.finish();
        pool().give_back(std::move(here[i]));
        here.erase(here.begin() + static_cast<std::ptrdiff_t>(i));
        continue;
      }
      left |= block.left;
      if (!block.left && !polls(block)) fail(stuck(block));
      ++i;
    }
    if (left) wanted = std::max(wanted, std::min(kAbreast, share(resident_)));
    if (news) {
      ++turns_;
      continue;
    }
    if (failed()) break;
    if (next_ < order_.size() && wanted < share(resident_)) {
      ++wanted;  // those that wait may wait for one that has not begun
      continue;
    }
    seen_[worker] = before;
    if (no_one_has_news(before)) fail(stuck(*here[0]));
    std::this_thread::yield();
  }
  seen_[worker] = kDone;
}

bool Grid::no_one_has_news(std::uint64_t since) {
  return std::all_of(seen_.begin(), seen_.end(), [&](const auto& s) { return s == since || s == kDone; }) &&
         turns_ == since;
}

void Grid::fail(const std::string& report) {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  if (!failed_) report_ = report;
  failed_ = true;
}

}  // namespace simt
