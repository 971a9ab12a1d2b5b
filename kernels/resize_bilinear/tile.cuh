// The tile of ResizeBilinear: part of a row of y.
#pragma once
#include "kernels/resize_bilinear/resize_bilinear.h"
#include "kernels/vector.cuh"

namespace cudet {

// A thread computes one vector of y.
template <class V>
struct VectorTile<ResizeBilinear, V> {
  using T = typename V::Element;

  static __device__ void run(const ResizeBilinear& op, const Memory& memory, int tile) {
    const auto [i, v, u, k] = vector_coord(op.y, V::kLanes, tile);
    if (u >= op.y.w) return;
    const ResizeSource row(op, v, op.x.h), column(op, u, op.x.w);
    const T* x = arena_data<T>(memory, op.x) + k;
    float top[V::kLanes], bottom[V::kLanes];
    blend_columns(x + op.x.pixel(i, row.low, 0), op.x.pitch, column, top);
    blend_columns(x + op.x.pixel(i, row.high, 0), op.x.pitch, column, bottom);
    blend(top, bottom, row.weight);
    V::pack(top).store(arena_data<T>(memory, op.y) + op.y.pixel(i, v, u) + k);
  }

 private:
  // The values between two columns of a row that starts at `row`.
  static __device__ __forceinline__ void blend_columns(const T* row, std::size_t pitch, const ResizeSource& column,
                                                       float (&value)[V::kLanes]) {
    float right[V::kLanes];
    V::load(row + column.low * pitch).unpack(value);
    V::load(row + column.high * pitch).unpack(right);
    blend(value, right, column.weight);
  }
  static __device__ __forceinline__ void blend(float (&a)[V::kLanes], const float (&b)[V::kLanes], float weight) {
#pragma unroll
    for (int l = 0; l < V::kLanes; ++l) a[l] = (1 - weight) * a[l] + weight * b[l];
  }
};

}  // namespace cudet
