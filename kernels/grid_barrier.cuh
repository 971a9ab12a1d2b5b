// A barrier for all blocks of a launch: for kernels that walk a whole Program.
#pragma once
#include "kernels/ptx.cuh"

namespace cudet {

/// The blocks of a launch with Blocks::together meet: what any thread wrote before, every thread reads after.
/// `arrivals`: device memory, 0 before the launch, used by nothing else.
__device__ __forceinline__ void grid_barrier(unsigned* arrivals) {
  __syncthreads();
  if (threadIdx.x == 0) {
    const unsigned before = fetch_add_acq_rel(arrivals, 1u);
    const unsigned all = (before / gridDim.x + 1) * gridDim.x;  // it only grows: no round needs a reset
    while (load_acquire(arrivals) < all) {
    }
  }
  __syncthreads();
}

}  // namespace cudet
