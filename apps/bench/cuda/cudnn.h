// Convolutions by cuDNN, for comparison. Available if the build found cuDNN's header (CUDET_CUDNN). The library is
// loaded at run time, so the program also runs without it.
#pragma once
#include <cuda_runtime.h>

#include <memory>
#include <string>

#include "kernels/conv2d/conv2d.h"

namespace cudet::bench {

class Cudnn {
 public:
  /// Throws Error if this build or this system has no cuDNN.
  explicit Cudnn(cudaStream_t stream);
  ~Cudnn();
  Cudnn(Cudnn&&) noexcept;
  Cudnn& operator=(Cudnn&&) noexcept;

  /// Finds the fastest algorithm for the convolution without bias, SiLU and residual, for which cuDNN would need
  /// separate launches. Layout NHWC, type of op.x (f32: without TF32), f32 accumulation, random values. Returns the
  /// name of the algorithm. Throws Error if there is none.
  std::string prepare(const Conv2d& op);
  /// Enqueues the prepared convolution on the stream.
  void run();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cudet::bench
