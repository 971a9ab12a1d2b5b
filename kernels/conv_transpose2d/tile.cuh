// The tile of ConvTranspose2d: part of a row of y.
#pragma once
#include "kernels/conv_transpose2d/conv_transpose2d.h"
#include "kernels/vector.cuh"

namespace cudet {

// A thread computes one vector of y. Its neighbours have the same pixel or the next, so they share most values of x and
// read contiguous weights.
template <class V>
struct VectorTile<ConvTranspose2d, V> {
  static __device__ void run(const ConvTranspose2d& op, const Memory& memory, int tile) {
    using T = typename V::Element;
    const auto [i, v, u, k] = vector_coord(op.y, V::kLanes, tile);
    if (u >= op.y.w) return;
    const ConvTranspose2dPacking packing(op);
    const T* x = arena_data<T>(memory, op.x) + k / packing.k_per_group * packing.c_per_group;
    const T* weights = weights_data<T>(memory, op.weight);
    const float* bias = weights_data<float>(memory, op.bias) + k;
    float sum[V::kLanes], weight[V::kLanes];
#pragma unroll
    for (int l = 0; l < V::kLanes; ++l) sum[l] = bias[l];
    for (int r = 0; r < op.kernel.h; ++r) {
      const int row = conv_transpose2d_source(v, r, op.stride.h, op.pad.h, op.dilation.h, op.x.h);
      if (row < 0) continue;
      for (int s = 0; s < op.kernel.w; ++s) {
        const int column = conv_transpose2d_source(u, s, op.stride.w, op.pad.w, op.dilation.w, op.x.w);
        if (column < 0) continue;
        const T* pixel = x + op.x.pixel(i, row, column);
        const T* tap = weights + packing.index(k, r, s, 0);
        for (int c = 0; c < packing.c_per_group; ++c, tap += ConvTranspose2dPacking::kBlock) {
          const float value = static_cast<float>(pixel[c]);
          V::load(tap).unpack(weight);
#pragma unroll
          for (int l = 0; l < V::kLanes; ++l) sum[l] += value * weight[l];
        }
      }
    }
    V::pack(sum).store(arena_data<T>(memory, op.y) + op.y.pixel(i, v, u) + k);
  }
};

}  // namespace cudet
