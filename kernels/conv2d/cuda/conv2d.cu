// Launches a convolution as its plan says, and has the general kernel.
#include "kernels/conv2d/cuda/general.cuh"

namespace cudet {
namespace {

template <class T>
__global__ void __launch_bounds__(kThreads)
    general_kernel(const __grid_constant__ Conv2d op, const __grid_constant__ Memory memory,
                   const __grid_constant__ Conv2dCudaPlan plan) {
  const long outputs = static_cast<long>(op.y.n) * op.y.h * op.y.w * op.y.c;
  for (long first = static_cast<long>(blockIdx.x) * kThreads; first < outputs;
       first += static_cast<long>(gridDim.x) * kThreads)
    conv2d_general_tile<T>(op, memory, plan, first);
}

}  // namespace

void conv2d_cuda(const Conv2d& op, const Conv2dCudaPlan& plan, const Memory& memory, const CudaStream& on) {
  if (const std::size_t have = on.scratch ? on.scratch_bytes : 0; plan.scratch_bytes() > have)
    throw Error("conv2d: the plan needs " + std::to_string(plan.scratch_bytes()) +
                " bytes of scratch memory, the stream has " + std::to_string(have));
  if (plan.pixel_blocks == 0) {
    const long outputs = static_cast<long>(op.y.n) * op.y.h * op.y.w * op.y.c;
    const int blocks = static_cast<int>(
        std::min<long>((outputs + kThreads - 1) / kThreads, long{kBlocksPerMultiprocessor} * on.multiprocessors));
    return launch(Conv2d::kName, on, blocks, 0, op.x.type == Type::f16 ? general_kernel<__half> : general_kernel<float>,
                  op, memory, plan);
  }
  switch (plan.packing.kind) {
    case Conv2dKind::pointwise:
      return conv2d_pointwise_cuda(op, memory, plan, on);
    case Conv2dKind::conv3x3:
      return conv2d_3x3_cuda(op, memory, plan, on);
    case Conv2dKind::conv3x3_stride2:
      return conv2d_3x3_stride2_cuda(op, memory, plan, on);
    case Conv2dKind::stem:
      return conv2d_stem_cuda(op, memory, plan, on);
    case Conv2dKind::general:
      break;  // above: it has no tiles
  }
}

}  // namespace cudet
