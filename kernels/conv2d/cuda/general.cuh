// The tile of the general kernel.
#pragma once
#include "kernels/conv2d/cuda/kernel.cuh"

namespace cudet {

/// Computes kThreads outputs of any convolution, from output `first` on: one per thread, weights in any packing.
template <class T>
__device__ void conv2d_general_tile(const Conv2d& op, const Memory& memory, const Conv2dCudaPlan& plan, long first) {
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

}  // namespace cudet
