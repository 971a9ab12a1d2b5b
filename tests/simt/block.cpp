// The scheduler of a block. A thread runs until it must wait; then another ready lane of its warp runs; if there is
// none, a ready lane of another warp.
#include <cstdarg>
#include <cstdio>
#include <utility>

#include "tests/simt/grid.h"
#include "tests/simt/memory.h"

__thread uint3 threadIdx, blockIdx, blockDim, gridDim;

namespace simt {

__thread Thread* self;

namespace {

constexpr std::size_t kGuard = 1024;  // bytes of each guard around shared memory, and the alignment of shared memory

uint3 as_uint3(dim3 d) {
  return {d.x, d.y, d.z};
}

// What every fiber runs: the kernel, then the bookkeeping of a thread that has returned.
[[noreturn]] void thread_main() {
  self->warp->block->grid->launch.thread();
  Thread& thread = *self;
  const unsigned bit = 1u << thread.lane;
  thread.warp->live &= ~bit;
  thread.warp->ready &= ~bit;
  --thread.warp->block->live;
  thread.warp->block->progress = true;
  run_others(thread, true);
  __builtin_unreachable();
}

// The next ready lane after `lane` in the cycle; some lane is ready.
Thread& next_ready(const Warp& warp, unsigned lane) {
  do lane = warp.next_lane[lane];
  while ((warp.ready >> lane & 1) == 0);
  return *warp.lanes[lane];
}

// A ready thread of the first warp that has one, starting at a random warp and lane; nullptr if there is none.
Thread* any_ready(Block& block) {
  const std::size_t warps = (block.size + 31) / 32;
  const std::uint32_t random = next_random(block.random);
  for (std::size_t i = 0; i < warps; ++i) {
    const Warp& warp = *block.warps[(random / 32 + i) % warps];
    if (warp.ready != 0) return &next_ready(warp, random % 32);
  }
  return nullptr;
}

void resume(Thread& thread, Fiber& from, bool returned = false) {
  self = &thread;
  threadIdx = thread.index;
  from.switch_to(thread.fiber, returned);
}

}  // namespace

void run_others(Thread& thread, bool returned) {
  Block& block = *thread.warp->block;
  Thread* const other = thread.warp->ready != 0 ? &next_ready(*thread.warp, thread.lane) : any_ready(block);
  if (other == nullptr)
    thread.fiber.switch_to(*block.worker, returned);
  else if (other != &thread)
    resume(*other, thread.fiber, returned);
}

int barrier(int predicate, Site site) {
  Thread& thread = *self;
  Block& block = *thread.warp->block;
  thread.site = site;
  if (block.at_barrier == 0)
    block.barrier_site = site;
  else if (block.barrier_site.line() != site.line())
    fault("barrier divergence: waits at line %u, others at line %u", site.line(), block.barrier_site.line());
  block.predicate_sum += predicate;
  thread.warp->ready &= ~(1u << thread.lane);
  if (++block.at_barrier == block.size) {
    block.at_barrier = 0;
    block.barrier_result = std::exchange(block.predicate_sum, 0);
    block.progress = true;
    for (unsigned w = 0; w < (block.size + 31) / 32; ++w) block.warps[w]->ready = block.warps[w]->live;
  }
  run_others(thread);
  return block.barrier_result;
}

void polled(const void* p, std::uint64_t value, Site site) {
  Thread& thread = *self;
  if (std::exchange(thread.polled_address, p) != p || std::exchange(thread.polled_value, value) != value) {
    thread.polled_value = value;
    return;
  }
  thread.site = site;
  thread.warp->ready &= ~(1u << thread.lane);
  thread.warp->polling |= 1u << thread.lane;
  run_others(thread);
}

void news() {
  Thread& thread = *self;
  Block& block = *thread.warp->block;
  block.progress = true;
  if (next_random(block.random) % 2 == 0) return;
  block.yielded = true;
  thread.fiber.switch_to(*block.worker);
}

void fault(const char* format, ...) {
  char text[512];
  std::va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  self->warp->block->grid->fail(location(*self) + ": " + text);
  self->fiber.switch_to(*self->warp->block->worker, true);
  __builtin_unreachable();
}

void Block::start(Grid& grid_, unsigned number) {
  const Launch& launch = grid_.launch;
  const dim3 grid_size = launch.blocks, shape = launch.threads;
  grid = &grid_;
  index = {number % grid_size.x, number / grid_size.x % grid_size.y, number / grid_size.x / grid_size.y};
  random = mix_seed(grid_.seed, number);
  size = live = shape.x * shape.y * shape.z;
  at_barrier = 0;
  predicate_sum = 0;
  while (threads.size() < size)
    threads.push_back(std::make_unique<Thread>(static_cast<unsigned>(threads.size()), thread_main));
  while (warps.size() < (size + 31) / 32) warps.push_back(std::make_unique<Warp>());
  for (unsigned w = 0; w < (size + 31) / 32; ++w) {
    Warp& warp = *warps[w];
    warp.block = this;
    warp.live = warp.ready = size - 32 * w >= 32 ? ~0u : (1u << (size - 32 * w)) - 1;
    warp.polling = warp.pending_count = 0;
    std::uint8_t order[32];
    for (std::uint8_t lane = 0; lane < 32; ++lane) order[lane] = lane;
    for (unsigned i = 31; i > 0; --i) std::swap(order[i], order[next_random(random) % (i + 1)]);
    for (unsigned i = 0; i < 32; ++i) warp.next_lane[order[i]] = order[(i + 1) % 32];
  }
  for (unsigned t = 0; t < size; ++t) {
    Thread& thread = *threads[t];
    thread.warp = warps[t / 32].get();
    thread.warp->lanes[thread.lane] = &thread;
    thread.index = {t % shape.x, t / shape.x % shape.y, t / shape.x / shape.y};
    thread.copies.clear();
    thread.groups.clear();
    thread.polled_address = nullptr;
    thread.fiber.restart();
  }
  shared_bytes = launch.shared_bytes;
  shared_storage.assign(shared_bytes + 3 * kGuard, kNaNByte);
  shared = shared_storage.data() + kGuard;
  shared += kGuard - reinterpret_cast<std::uintptr_t>(shared) % kGuard;
  poison(shared + shared_bytes, shared_storage.data() + shared_storage.size());
  poison(shared_storage.data(), shared);
}

void Block::run_turn(Fiber& worker_) {
  worker = &worker_;
  progress = yielded = false;
  blockIdx = index;
  blockDim = as_uint3(grid->launch.threads);
  gridDim = as_uint3(grid->launch.blocks);
  for (unsigned w = 0; w < (size + 31) / 32; ++w) warps[w]->ready |= std::exchange(warps[w]->polling, 0);
  if (Thread* const thread = any_ready(*this)) resume(*thread, worker_);
}

void Block::finish() {
  unpoison(shared_storage.data(), shared_storage.data() + shared_storage.size());
  if (!untouched(shared_storage.data(), shared) ||
      !untouched(shared + shared_bytes, shared_storage.data() + shared_storage.size()))
    grid->fail(location(*threads[0]) + " or another thread of the block: wrote outside its " +
               std::to_string(shared_bytes) + " bytes of shared memory");
}

}  // namespace simt
