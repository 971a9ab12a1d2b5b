#include "runtime/compile/memory_plan.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <random>

#include "runtime/buffer.h"

namespace cudet {
namespace {

bool overlap(const Lifetime& a, const Lifetime& b) {
  return a.first <= b.last && b.first <= a.last;
}

std::size_t find_live_peak(const std::vector<Lifetime>& buffers) {
  std::size_t peak = 0;
  for (const Lifetime& at : buffers) {  // the peak is at the start of some buffer's life
    std::size_t live = 0;
    for (const Lifetime& b : buffers)
      if (b.first <= at.first && at.first <= b.last) live += align_up(b.bytes);
    peak = std::max(peak, live);
  }
  return peak;
}

/// Assigns the buffers offsets in this order. Returns the arena's size.
std::size_t place_buffers(const std::vector<Lifetime>& buffers, const std::vector<std::size_t>& order,
                          std::vector<std::size_t>& offsets) {
  std::vector<std::size_t> placed;  // sorted by offset
  std::size_t bytes = 0;
  for (const std::size_t b : order) {
    const std::size_t size = align_up(buffers[b].bytes);
    std::size_t offset = 0;
    for (const std::size_t other : placed) {
      if (!overlap(buffers[b], buffers[other])) continue;
      if (offset + size <= offsets[other]) break;
      offset = std::max(offset, offsets[other] + align_up(buffers[other].bytes));
    }
    offsets[b] = offset;
    bytes = std::max(bytes, offset + size);
    placed.insert(std::upper_bound(placed.begin(), placed.end(), b,
                                   [&](std::size_t l, std::size_t r) { return offsets[l] < offsets[r]; }),
                  b);
  }
  return bytes;
}

}  // namespace

MemoryPlan plan_memory(const std::vector<Lifetime>& buffers) {
  MemoryPlan best{{}, 0, find_live_peak(buffers)};
  std::vector<std::size_t> order(buffers.size()), offsets(buffers.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  best.bytes = std::numeric_limits<std::size_t>::max();
  // Returns the arena's size for this order, and keeps the plan if it is the smallest so far.
  const auto attempt = [&](const std::vector<std::size_t>& in_order) {
    const std::size_t bytes = place_buffers(buffers, in_order, offsets);
    if (bytes < best.bytes) {
      best.bytes = bytes;
      best.offsets = offsets;
    }
    return bytes;
  };
  const auto by = [&](auto key) {
    std::vector<std::size_t> sorted = order;
    std::stable_sort(sorted.begin(), sorted.end(), [&](std::size_t l, std::size_t r) { return key(l) > key(r); });
    return sorted;
  };
  std::vector<std::size_t> start;
  for (auto& sorted : {by([&](std::size_t b) { return static_cast<double>(buffers[b].bytes); }), by([&](std::size_t b) {
                         return static_cast<double>(buffers[b].bytes) * (buffers[b].last - buffers[b].first + 1.0);
                       }),
                       by([&](std::size_t b) { return static_cast<double>(buffers[b].last - buffers[b].first); }),
                       by([&](std::size_t b) { return static_cast<double>(-buffers[b].first); })}) {
    const std::size_t before = best.bytes;
    if (attempt(sorted) < before) start = sorted;
    if (best.bytes <= best.live_peak) break;
  }

  // Greedy orders leave gaps on some networks: swap random pairs of the best order, and keep swaps that do no harm.
  // One attempt takes time quadratic in the number of buffers, so large networks get fewer.
  const std::size_t count = buffers.size(),
                    swaps = count > 1 ? std::min<std::size_t>(2000, 20'000'000 / (count * count)) : 0;
  std::mt19937 random(1);
  for (std::size_t i = 0; i < swaps && best.bytes > best.live_peak; ++i) {
    std::vector<std::size_t> changed = start;
    std::swap(changed[random() % changed.size()], changed[random() % changed.size()]);
    const std::size_t before = best.bytes;
    if (attempt(changed) <= before) start = std::move(changed);
  }
  return best;
}

}  // namespace cudet
