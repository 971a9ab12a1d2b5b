// Instances of the kernel for 3x3 with stride 1: a file of their own, so that kinds compile in parallel.
#include "kernels/conv2d/cuda/kernel.cuh"

namespace cudet {

void conv2d_3x3_cuda(const Conv2d& op, const Memory& memory, const Conv2dCudaPlan& plan, const CudaStream& on) {
  op.x.type == Type::f16 ? conv2d_launch<__half, Conv2dKind::conv3x3>(op, memory, plan, on)
                         : conv2d_launch<float, Conv2dKind::conv3x3>(op, memory, plan, on);
}

}  // namespace cudet
