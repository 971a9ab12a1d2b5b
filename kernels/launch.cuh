// Launches kernels on an explicit stream and checks for errors. All launches go through this header. Host code only, so
// that programs that call launchers can include it too.
#pragma once
#include <cuda_runtime.h>

#include <cstddef>
#include <string>
#include <utility>

#include "kernels/error.h"
#include "kernels/vectors.h"

namespace cudet {

/// A stream, and the properties of its device that launches need.
struct CudaStream {
  cudaStream_t stream;
  int multiprocessors;
  int shared_bytes_per_block;  // maximum that a kernel can ask for (cudaDevAttrMaxSharedMemoryPerBlockOptin)
  std::byte*
      scratch;  // device memory for one launch at a time; between launches its first kScratchCounters bytes are 0
  std::size_t scratch_bytes;
};

constexpr int kWarps = kThreads / 32;         // warps per block
constexpr unsigned kWarp = ~0u;               // mask of all lanes of a warp
constexpr int kBlocksPerMultiprocessor = 16;  // maximum for kernels whose blocks loop over tiles

/// Throws Error "WHAT: CUDA: " and CUDA's message unless `error` is cudaSuccess.
inline void check(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  cudaGetLastError();  // clears the error, so that the next check does not report it again
  throw Error(std::string(what) + ": CUDA: " + cudaGetErrorString(error));
}

/// Lets a kernel use up to the device's maximum of dynamic shared memory if it needs more than it may use anyway. Never
/// less than the maximum: another thread may launch the same kernel with more at the same time.
inline void allow_shared_memory(const char* what, const CudaStream& on, std::size_t shared_bytes, const void* kernel) {
  if (shared_bytes > kSharedByDefault)
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, on.shared_bytes_per_block), what);
}

/// Launches `blocks` blocks of kThreads threads with `shared_bytes` of dynamic shared memory. Throws Error that starts
/// with `what`, the step's name.
template <class... Params, class... Args>
void launch(const char* what, const CudaStream& on, int blocks, std::size_t shared_bytes, void (*kernel)(Params...),
            Args&&... args) {
  if (shared_bytes > static_cast<std::size_t>(on.shared_bytes_per_block))
    throw Error(std::string(what) + ": needs " + std::to_string(shared_bytes) +
                " bytes of shared memory per block, this CUDA device has " + std::to_string(on.shared_bytes_per_block));
  allow_shared_memory(what, on, shared_bytes, reinterpret_cast<const void*>(kernel));
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(static_cast<unsigned>(blocks));
  config.blockDim = dim3(kThreads);
  config.dynamicSmemBytes = shared_bytes;
  config.stream = on.stream;
  check(cudaLaunchKernelEx(&config, kernel, std::forward<Args>(args)...), what);
}

}  // namespace cudet
