// The tile of Add: part of a row of y.
#pragma once
#include "kernels/add/add.h"
#include "kernels/vector.cuh"

namespace cudet {

// A thread computes one vector of y.
template <class V>
struct VectorTile<Add, V> {
  static __device__ void run(const Add& op, const Memory& memory, int tile) {
    using T = typename V::Element;
    const auto [i, v, u, k] = vector_coord(op.y, V::kLanes, tile);
    if (u >= op.y.w) return;
    float a[V::kLanes], b[V::kLanes];
    V::load(arena_data<T>(memory, op.a) + op.a.pixel(i, v, u) + k).unpack(a);
    V::load(arena_data<T>(memory, op.b) + op.b.pixel(i, v, u) + k).unpack(b);
#pragma unroll
    for (int l = 0; l < V::kLanes; ++l) a[l] += b[l];
    V::pack(a).store(arena_data<T>(memory, op.y) + op.y.pixel(i, v, u) + k);
  }
};

}  // namespace cudet
