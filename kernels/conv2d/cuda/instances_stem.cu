// Instances of the kernel for the stem: a file of their own, so that kinds compile in parallel.
#include "kernels/conv2d/cuda/kernel.cuh"

namespace cudet {

void conv2d_stem_cuda(const Conv2d& op, const Memory& memory, const Conv2dCudaPlan& plan, const CudaStream& on) {
  conv2d_launch<__half, Conv2dKind::stem>(op, memory, plan, on);
}

}  // namespace cudet
