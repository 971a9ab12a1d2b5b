// cuDNN, to compare convolutions with. Only where the build found its header (CUDET_CUDNN), and loaded at run time, so
// that the program needs no cuDNN beside it.
#pragma once
#include <cuda_runtime.h>

#include <memory>
#include <string>

#include "kernels/conv2d/conv2d.h"

namespace cudet::bench {

class Cudnn {
 public:
  /// Throws Error where this build has no cuDNN, or the system.
  explicit Cudnn(cudaStream_t stream);
  ~Cudnn();
  Cudnn(Cudnn&&) noexcept;
  Cudnn& operator=(Cudnn&&) noexcept;

  /// Finds the quickest of its algorithms for the convolution alone, without bias, SiLU and residual, which would take
  /// it launches of their own: NHWC, of op.x's type (f32: without TF32), sums f32, on values of its own. Returns what
  /// the algorithm is called. Throws Error where it has none.
  std::string prepare(const Conv2d& op);
  /// Puts what was prepared on the stream.
  void run();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cudet::bench
