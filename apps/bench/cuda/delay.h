// Work that keeps a CUDA stream busy for a given time. C++17, because nvcc compiles it.
#pragma once
#include <cuda_runtime.h>

namespace cudet::bench {

/// Enqueues a kernel that ends after the given number of nanoseconds.
void delay_cuda(unsigned nanoseconds, cudaStream_t stream);

}  // namespace cudet::bench
