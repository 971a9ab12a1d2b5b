// The tile of DySample with offsets in memory: part of a row of y.
#pragma once
#include "kernels/dysample/sample.cuh"

namespace cudet {

// A thread computes one vector of y. Neighbouring threads have neighbouring channels, mostly of the same point, so what
// they load from each corner is contiguous.
template <class V>
struct VectorTile<DySample, V> {
  static __device__ void run(const DySample& op, const Memory& memory, int tile) {
    using T = typename V::Element;
    const auto [i, row, column, k] = vector_coord(op.y, V::kLanes, tile);
    if (column >= op.y.w) return;
    const int s = op.scale, v = row / s, u = column / s, g = k / (op.x.c / op.groups);
    const std::size_t first = op.offset.pixel(i, v, u);
    const SamplePoint point = sample_point(op, v, u, g, row % s, column % s, [&](int m) {
      return op.offset.type == Type::f16 ? static_cast<float>(arena_data<__half>(memory, op.offset)[first + m])
                                         : arena_data<float>(memory, op.offset)[first + m];
    });
    sample_vector<V>(op, memory, i, point, k).store(arena_data<T>(memory, op.y) + op.y.pixel(i, row, column) + k);
  }
};

}  // namespace cudet
