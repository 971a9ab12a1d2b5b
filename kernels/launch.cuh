// The one place where kernels are launched: explicit stream, checked, named after the step. Host code alone, so that a
// program that only calls launchers may include it too.
#pragma once
#include <cuda_runtime.h>

#include <cstddef>
#include <string>
#include <utility>

#include "kernels/error.h"
#include "kernels/tensor.h"

namespace cudet {

/// A stream, and what launches need to know of its device.
struct CudaStream {
  cudaStream_t stream;
  int multiprocessors;
  int shared_bytes_per_block;  // the most that a kernel may ask for (cudaDevAttrMaxSharedMemoryPerBlockOptin)
  std::byte* scratch;  // device memory for the launch at hand; the first kScratchCounters bytes 0 between launches
  std::size_t scratch_bytes;  // what it needs more, a launch does without
};

constexpr int kThreads = 128;          // a block's threads, for every kernel
constexpr unsigned kWarp = ~0u;        // all lanes of a warp
constexpr int kBlocksEach = 16;        // at most so many blocks a multiprocessor walk a kernel's tiles
constexpr int kWarps = kThreads / 32;  // a block's warps

/// Throws Error "what: CUDA's words" unless `error` is cudaSuccess.
inline void check(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  cudaGetLastError();  // told here, so the next check need not tell it again
  throw Error(std::string(what) + ": CUDA: " + cudaGetErrorString(error));
}

enum class Blocks {
  independent,  // in any order
  together      // all at once, so that they may wait for each other (a cooperative launch; kernels/grid_barrier.cuh)
};

/// Launches `blocks` blocks of kThreads threads with `shared_bytes` of dynamic shared memory; an error names the step
/// `what`.
template <class... Params, class... Args>
void launch(const char* what, const CudaStream& on, Blocks how, int blocks, std::size_t shared_bytes,
            void (*kernel)(Params...), Args&&... args) {
  if (shared_bytes > static_cast<std::size_t>(on.shared_bytes_per_block))
    throw Error(std::string(what) + ": needs " + std::to_string(shared_bytes) +
                " bytes of shared memory for a block, " + "this CUDA device has " +
                std::to_string(on.shared_bytes_per_block));
  if (shared_bytes > kSharedByDefault)
    check(cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel), cudaFuncAttributeMaxDynamicSharedMemorySize,
                               static_cast<int>(shared_bytes)),
          what);
  cudaLaunchAttribute cooperative{};
  cooperative.id = cudaLaunchAttributeCooperative;
  cooperative.val.cooperative = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(static_cast<unsigned>(blocks));
  config.blockDim = dim3(kThreads);
  config.dynamicSmemBytes = shared_bytes;
  config.stream = on.stream;
  config.attrs = &cooperative;
  config.numAttrs = how == Blocks::together ? 1 : 0;
  check(cudaLaunchKernelEx(&config, kernel, std::forward<Args>(args)...), what);
}
template <class... Params, class... Args>
void launch(const char* what, const CudaStream& on, int blocks, std::size_t shared_bytes, void (*kernel)(Params...),
            Args&&... args) {
  launch(what, on, Blocks::independent, blocks, shared_bytes, kernel, std::forward<Args>(args)...);
}

}  // namespace cudet
