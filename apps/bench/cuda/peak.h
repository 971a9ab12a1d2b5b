// The kernels that measure the peak of multiply-adds on a CUDA device. C++17, because nvcc compiles it.
#pragma once
#include "kernels/launch.cuh"

namespace cudet::bench {

constexpr int kPeakBlocksPerMultiprocessor = 8;  // 1024 threads, which every device can keep resident

/// Launches one kernel that computes multiply-adds on registers: f32 in each thread; f16 with f32 accumulation by the
/// mma.sync of each warp. `sums` has one float per thread: on.multiprocessors · kPeakBlocksPerMultiprocessor ·
/// kThreads. Returns the number of floating-point operations, 2 per multiply-add.
double multiply_adds_cuda(Type type, int iterations, float* sums, const CudaStream& on);

}  // namespace cudet::bench
