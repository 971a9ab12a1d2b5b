// Launches a convolution as its plan says, and has the general kernel.
#include "kernels/conv2d/cuda/kernel.cuh"

namespace cudet {
namespace {

// The general kernel: any convolution, one output per thread, weights in any packing.
template <class T>
__device__ void general_tile(const Conv2d& op, const Memory& memory, const Conv2dCudaPlan& plan, long first) {
  const long index = first + threadIdx.x;
  const int k = static_cast<int>(index % op.y.c);
  const long pixel = index / op.y.c;
  if (pixel >= static_cast<long>(op.y.n) * op.y.h * op.y.w) return;
  const int u = static_cast<int>(pixel % op.y.w), v = static_cast<int>(pixel / op.y.w % op.y.h),
            i = static_cast<int>(pixel / op.y.w / op.y.h);
  const int group_channels = op.x.c / op.groups, group = k / (op.y.c / op.groups);
  const T* weight = weights_data<T>(memory, op.weight);
  float sum[1] = {weights_data<float>(memory, op.bias)[k]};
  for (int r = 0; r < op.kernel.h; ++r)
    for (int s = 0; s < op.kernel.w; ++s) {
      const int y = v * op.stride.h - op.pad.h + r * op.dilation.h, x = u * op.stride.w - op.pad.w + s * op.dilation.w;
      if (y < 0 || y >= op.x.h || x < 0 || x >= op.x.w) continue;
      const T* from = arena_data<T>(memory, op.x) + op.x.pixel(i, y, x) + group * group_channels;
      for (int c = 0; c < group_channels; ++c)
        sum[0] = fmaf(static_cast<float>(from[c]), static_cast<float>(weight[plan.packing.index(k, r, s, c)]), sum[0]);
    }
  Conv2dEpilogue<T>(op, memory, plan, static_cast<std::size_t>(pixel), k).apply(0, 0, 0, sum);
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    general_kernel(const __grid_constant__ Conv2d op, const __grid_constant__ Memory memory,
                   const __grid_constant__ Conv2dCudaPlan plan) {
  const long outputs = static_cast<long>(op.y.n) * op.y.h * op.y.w * op.y.c;
  for (long first = static_cast<long>(blockIdx.x) * kThreads; first < outputs;
       first += static_cast<long>(gridDim.x) * kThreads)
    general_tile<T>(op, memory, plan, first);
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
