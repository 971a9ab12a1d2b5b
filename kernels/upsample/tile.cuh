// The tile of Upsample: part of a row of x.
#pragma once
#include "kernels/upsample/upsample.h"
#include "kernels/vector.cuh"

namespace cudet {

// A thread loads one vector of x and stores it to all pixels of y that repeat it. A tile is a part of a row of x.
template <class V>
struct VectorTile<Upsample, V> {
  static __device__ void run(const Upsample& op, const Memory& memory, int tile) {
    using T = typename V::Element;
    const auto [i, v, u, k] = vector_coord(op.x, V::kLanes, tile);
    if (u >= op.x.w) return;
    const V vector = V::load(arena_data<T>(memory, op.x) + op.x.pixel(i, v, u) + k);
    for (int p = 0; p < op.scale; ++p) {
      T* y = arena_data<T>(memory, op.y) + op.y.pixel(i, op.scale * v + p, op.scale * u) + k;
      for (int q = 0; q < op.scale; ++q, y += op.y.pitch) vector.store(y);
    }
  }
};

}  // namespace cudet
