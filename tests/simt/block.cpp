// Whose turn it is in a block. A thread runs until it must wait; then another lane of its warp runs, then another warp.
#include <cstdarg>
#include <cstdio>
#include <utility>

#include "tests/simt/grid.h"
#include "tests/simt/memory.h"

__thread uint3 threadIdx, blockIdx, blockDim, gridDim;

namespace simt {

__thread Thread* self;

namespace {

constexpr std::size_t kGuard = 1024;  // bytes around a block's shared memory, and its alignment

uint3 as_uint3(dim3 d) {
  return {d.x, d.y, d.z};
}

[[noreturn]] void thread_main() {
  self->warp->block->grid->launch.thread();
  Thread& thread = *self;
  const unsigned bit = 1u << thread.lane;
  thread.warp->live &= ~bit;
  thread.warp->ready &= ~bit;
  --thread.warp->block->live;
  thread.warp->block->news = true;
  let_others_run(thread, true);
  __builtin_unreachable();
}

Thread& ready_after(const Warp& warp, unsigned lane) {
  do lane = warp.next[lane];
  while ((warp.ready >> lane & 1) == 0);
  return *warp.lanes[lane];
}

// A thread of some warp, from a random one on.
Thread* any_ready(Block& block) {
  const std::size_t warps = (block.size + 31) / 32;
  const std::uint32_t random = draw(block.random);
  for (std::size_t i = 0; i < warps; ++i) {
    const Warp& warp = *block.warps[(random / 32 + i) % warps];
    if (warp.ready != 0) return &ready_after(warp, random % 32);
  }
  return nullptr;
}

void run(Fiber& from, Thread& thread, bool for_good = false) {
  self = &thread;
  threadIdx = thread.index;
  from.leave_for(thread.fiber, for_good);
}

}  // namespace

void let_others_run(Thread& thread, bool for_good) {
  Block& block = *thread.warp->block;
  Thread* const other = thread.warp->ready != 0 ? &ready_after(*thread.warp, thread.lane) : any_ready(block);
  if (other == nullptr)
    thread.fiber.leave_for(*block.home, for_good);
  else if (other != &thread)
    run(thread.fiber, *other, for_good);
}

int barrier(int predicate, Site site) {
  Thread& thread = *self;
  Block& block = *thread.warp->block;
  thread.site = site;
  if (block.waiting == 0)
    block.barrier = site;
  else if (block.barrier.line() != site.line())
    fault("barrier divergence: waits at line %u, and others at line %u", site.line(), block.barrier.line());
  block.sum += predicate;
  thread.warp->ready &= ~(1u << thread.lane);
  if (++block.waiting == block.size) {
    block.waiting = 0;
    block.total = std::exchange(block.sum, 0);
    block.news = true;
    for (unsigned w = 0; w < (block.size + 31) / 32; ++w) block.warps[w]->ready = block.warps[w]->live;
  }
  let_others_run(thread);
  return block.total;
}

void polled(const void* p, std::uint64_t value, Site site) {
  Thread& thread = *self;
  if (std::exchange(thread.polled, p) != p || std::exchange(thread.saw, value) != value) {
    thread.saw = value;
    return;
  }
  thread.site = site;
  thread.warp->ready &= ~(1u << thread.lane);
  thread.warp->polling |= 1u << thread.lane;
  let_others_run(thread);
}

void news() {
  Thread& thread = *self;
  Block& block = *thread.warp->block;
  block.news = true;
  if (draw(block.random) % 2 == 0) return;
  block.left = true;
  thread.fiber.leave_for(*block.home);
}

void fault(const char* format, ...) {
  char text[512];
  std::va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  self->warp->block->grid->fail(place(*self) + ": " + text);
  self->fiber.leave_for(*self->warp->block->home, true);
  __builtin_unreachable();
}

void Block::start(Grid& of, unsigned number) {
  const Launch& launch = of.launch;
  const dim3 grid_size = launch.blocks, shape = launch.threads;
  grid = &of;
  index = {number % grid_size.x, number / grid_size.x % grid_size.y, number / grid_size.x / grid_size.y};
  random = mix(of.seed, number);
  size = live = shape.x * shape.y * shape.z;
  waiting = 0;
  sum = 0;
  while (threads.size() < size)
    threads.push_back(std::make_unique<Thread>(static_cast<unsigned>(threads.size()), thread_main));
  while (warps.size() < (size + 31) / 32) warps.push_back(std::make_unique<Warp>());
  for (unsigned w = 0; w < (size + 31) / 32; ++w) {
    Warp& warp = *warps[w];
    warp.block = this;
    warp.live = warp.ready = size - 32 * w >= 32 ? ~0u : (1u << (size - 32 * w)) - 1;
    warp.polling = warp.open = 0;
    std::uint8_t order[32];
    for (std::uint8_t lane = 0; lane < 32; ++lane) order[lane] = lane;
    for (unsigned i = 31; i > 0; --i) std::swap(order[i], order[draw(random) % (i + 1)]);
    for (unsigned i = 0; i < 32; ++i) warp.next[order[i]] = order[(i + 1) % 32];
  }
  for (unsigned t = 0; t < size; ++t) {
    Thread& thread = *threads[t];
    thread.warp = warps[t / 32].get();
    thread.warp->lanes[thread.lane] = &thread;
    thread.index = {t % shape.x, t / shape.x % shape.y, t / shape.x / shape.y};
    thread.copies.clear();
    thread.groups.clear();
    thread.polled = nullptr;
    thread.fiber.restart();
  }
  shared_bytes = launch.shared_bytes;
  storage.assign(shared_bytes + 3 * kGuard, kNaN);
  shared = storage.data() + kGuard;
  shared += kGuard - reinterpret_cast<std::uintptr_t>(shared) % kGuard;
  protect(shared + shared_bytes, storage.data() + storage.size());
  protect(storage.data(), shared);
}

void Block::turn(Fiber& on) {
  home = &on;
  news = left = false;
  blockIdx = index;
  blockDim = as_uint3(grid->launch.threads);
  gridDim = as_uint3(grid->launch.blocks);
  for (unsigned w = 0; w < (size + 31) / 32; ++w) warps[w]->ready |= std::exchange(warps[w]->polling, 0);
  if (Thread* const thread = any_ready(*this)) run(on, *thread);
}

void Block::finish() {
  expose(storage.data(), storage.data() + storage.size());
  if (!untouched(storage.data(), shared) || !untouched(shared + shared_bytes, storage.data() + storage.size()))
    grid->fail(place(*threads[0]) + " or another of the block: wrote outside its " + std::to_string(shared_bytes) +
               " bytes of shared memory");
}

}  // namespace simt
