// Instances of the kernel for 1x1: a file of their own, so that kinds compile in parallel.
#include "kernels/conv2d/cuda/kernel.cuh"

namespace cudet {

void conv2d_pointwise_cuda(const Conv2d& op, const Memory& memory, const Conv2dCudaPlan& plan, const CudaStream& on) {
  op.x.type == Type::f16 ? conv2d_launch<__half, Conv2dKind::pointwise>(op, memory, plan, on)
                         : conv2d_launch<float, Conv2dKind::pointwise>(op, memory, plan, on);
}

}  // namespace cudet
