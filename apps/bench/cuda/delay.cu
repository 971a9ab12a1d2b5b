#include "apps/bench/cuda/delay.h"
#include "kernels/launch.cuh"
#include "kernels/ptx.cuh"

namespace cudet::bench {
namespace {

__global__ void delay_kernel(unsigned nanoseconds) {
  const unsigned long long start = global_timer();
  while (global_timer() - start < nanoseconds) {
  }
}

}  // namespace

void delay_cuda(unsigned nanoseconds, cudaStream_t stream) {
  const CudaStream on{stream, 1, static_cast<int>(kSharedByDefault), nullptr, 0};
  launch("delay", on, 1, 0, delay_kernel, nanoseconds);
}

}  // namespace cudet::bench
