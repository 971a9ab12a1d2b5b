// The persistent kernel: blocks take tiles until none is left. Instances: kernel_f16.cu, kernel_f32.cu.
#pragma once
#include "kernels/ptx.cuh"
#include "runtime/cuda/persistent/tile_types.cuh"

namespace cudet {

/// What a block's threads share besides the tile's own memory.
struct BlockState {
  TileStep step;    // of the tile
  unsigned number;  // of the step
  unsigned ticket;  // of the tile
  unsigned exits;   // blocks that have left before this one
};

/// Waits until `tiles` tiles of a step have ended. Returns false if the launch was stopped, or stops it if for
/// a.patience neither such a tile has ended nor any block has taken a tile.
__device__ inline bool wait_for(const PersistentArguments& a, const TileWait& wait) {
  // Between two reads of the clock the device may have run other work, or slept, or moved the block to a multiprocessor
  // whose clock is behind: at most this much of the difference counts.
  constexpr unsigned long long kMaxStep = 50'000'000;  // ns
  unsigned seen = 0;
  unsigned long long last = 0, waited = 0;
  for (;;) {
    const unsigned ended = poll_acquire(a.ended + wait.step, wait.tiles);
    if (ended >= wait.tiles) return true;
    if (load_relaxed(&a.progress->stopped) != 0) return false;
    const unsigned sum = ended + load_relaxed(&a.progress->next_ticket);
    const unsigned long long now = global_timer(), step = now - last;
    last = now;
    waited = sum == seen ? waited + (step < kMaxStep ? step : kMaxStep) : 0;
    seen = sum;
    if (waited > a.patience) {
      store_release(&a.progress->stopped, 1);
      return false;
    }
  }
}

/// Takes the step of the block's ticket into shared memory and waits until its tiles may start. All threads of the
/// block call it together; it returns false in all of them if the launch was stopped.
__device__ inline bool enter_step(const PersistentArguments& a, BlockState& block) {
  const unsigned number = a.step_of_ticket[block.ticket];
  const TileStep& from = a.steps[number];
  const int thread = static_cast<int>(threadIdx.x);
  bool ready = true;
  for (int i = thread; i < from.waits; i += kThreads) ready = wait_for(a, a.waits[from.first_wait + i]) && ready;
  static_assert(sizeof(TileStep) % 16 == 0 && sizeof(TileStep) <= 16 * kThreads, "one copy per thread");
  if (thread < static_cast<int>(sizeof(TileStep) / 16))
    reinterpret_cast<uint4*>(&block.step)[thread] = reinterpret_cast<const uint4*>(&from)[thread];
  if (thread == 0) block.number = number;
  return __syncthreads_and(ready) != 0;
}

/// The last block to leave resets the counters for the next launch.
__device__ inline void leave(const PersistentArguments& a, BlockState& block) {
  TileProgress& progress = *a.progress;
  if (threadIdx.x == 0) block.exits = fetch_add_acq_rel(&progress.exits, 1u);
  __syncthreads();
  if (block.exits + 1 != gridDim.x) return;
  for (unsigned i = threadIdx.x; i < a.counters_count; i += kThreads) a.counters[i] = 0;
  if (threadIdx.x == 0) progress.next_ticket = progress.exits = 0;
}

template <class T>
__global__ void __launch_bounds__(kThreads, 2) persistent_kernel(const __grid_constant__ PersistentArguments a) {
  BlockState& block = *reinterpret_cast<BlockState*>(shared_memory() + a.shared_state);
  TileProgress& progress = *a.progress;
  if (threadIdx.x == 0) block.ticket = fetch_add_relaxed(&progress.next_ticket, 1u);
  __syncthreads();
  unsigned end = 0;  // of the tickets of the step in shared memory
  while (block.ticket < a.tickets) {
    if (block.ticket >= end) {
      if (!enter_step(a, block)) break;
      end = block.step.end_ticket;
    }
    unsigned next = 0;
    if (threadIdx.x == 0) next = fetch_add_relaxed(&progress.next_ticket, 1u);  // early, to hide its latency
    NetworkTiles<T>::run(block.step, a, static_cast<int>(block.ticket - block.step.first_ticket));
    __syncthreads();  // all stores are made, and shared memory can be used again
    if (threadIdx.x == 0) {
      red_release_add(a.ended + block.number, 1u);
      block.ticket = next;
    }
    __syncthreads();
  }
  leave(a, block);
}

}  // namespace cudet
