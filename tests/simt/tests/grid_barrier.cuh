// Cooperative launches, whose blocks may wait for each other, and a barrier for all blocks of one.
#pragma once
#include <utility>

#include "kernels/launch.cuh"
#include "kernels/ptx.cuh"

namespace cudet::test {

/// Launches `blocks` blocks of kThreads threads, all resident at once. Throws Error if the device cannot hold them.
template <class... Params, class... Args>
void launch_together(const char* what, const CudaStream& on, int blocks, void (*kernel)(Params...), Args&&... args) {
  cudaLaunchAttribute cooperative{};
  cooperative.id = cudaLaunchAttributeCooperative;
  cooperative.val.cooperative = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(static_cast<unsigned>(blocks));
  config.blockDim = dim3(kThreads);
  config.stream = on.stream;
  config.attrs = &cooperative;
  config.numAttrs = 1;
  check(cudaLaunchKernelEx(&config, kernel, std::forward<Args>(args)...), what);
}

/// All blocks of a launch_together() meet: what any thread wrote before, every thread reads after. `arrivals`: device
/// memory, 0 before the launch, used by nothing else.
__device__ __forceinline__ void grid_barrier(unsigned* arrivals) {
  __syncthreads();
  if (threadIdx.x == 0) {
    const unsigned before = fetch_add_acq_rel(arrivals, 1u);
    const unsigned all = (before / gridDim.x + 1) * gridDim.x;  // the count only grows, so no round resets it
    while (load_acquire(arrivals) < all) {
    }
  }
  __syncthreads();
}

}  // namespace cudet::test
