// The tile of Pad: part of a row of y.
#pragma once
#include "kernels/pad/pad.h"
#include "kernels/vector.cuh"

namespace cudet {

// A thread writes one vector of y.
template <class V>
struct VectorTile<Pad, V> {
  static __device__ void run(const Pad& op, const Memory& memory, int tile) {
    using T = typename V::Element;
    const auto [i, v, u, k] = vector_coord(op.y, V::kLanes, tile);
    if (u >= op.y.w) return;
    const int row = v - op.top, column = u - op.left;
    V vector{};
    if (row >= 0 && row < op.x.h && column >= 0 && column < op.x.w)
      vector = V::load(arena_data<T>(memory, op.x) + op.x.pixel(i, row, column) + k);
    vector.store(arena_data<T>(memory, op.y) + op.y.pixel(i, v, u) + k);
  }
};

}  // namespace cudet
