// What a CUDA device can do at the most. C++17: nvcc reads it.
#pragma once
#include "kernels/launch.cuh"

namespace cudet::bench {

constexpr int kPeakBlocksEach = 8;  // of a multiprocessor: 1024 threads, which every device holds at once

/// Multiply-adds on registers alone, in one launch: f32 by each thread, f16 with sums of f32 by each warp's mma.sync.
/// `sums`: a float for each of on.multiprocessors · kPeakBlocksEach · kThreads threads. Returns how many floating-point
/// operations that is, 2 a multiply-add.
double multiply_adds_cuda(Type type, int iterations, float* sums, const CudaStream& on);

}  // namespace cudet::bench
