#include "kernels/dysample/sample.cuh"

namespace cudet {
namespace {

// A thread computes one vector of y. Neighbouring threads have neighbouring channels, mostly of the same point, so what
// they load from each corner is contiguous.
template <class V, class O>
struct DySampleTile {
  static __device__ void run(const DySample& op, const Memory& memory, int tile) {
    using T = typename V::Element;
    const auto [i, row, column, k] = vector_coord(op.y, V::kLanes, tile);
    if (column >= op.y.w) return;
    const int s = op.scale, v = row / s, u = column / s, g = k / (op.x.c / op.groups);
    const O* offsets = arena_data<O>(memory, op.offset) + op.offset.pixel(i, v, u);
    const SamplePoint point =
        sample_point(op, v, u, g, row % s, column % s, [offsets](int m) { return static_cast<float>(offsets[m]); });
    sample_vector<V>(op, memory, i, point, k).store(arena_data<T>(memory, op.y) + op.y.pixel(i, row, column) + k);
  }
};

}  // namespace

void dysample_cuda(const DySample& op, const Memory& memory, const CudaStream& on) {
  const bool groups_whole = op.x.c / op.groups * size_of(op.x.type) % 16 == 0;  // no vector is in two groups
  with_vector(op.x.type, vectorizable(op.x) && vectorizable(op.y) && groups_whole, [&](auto vector) {
    using V = decltype(vector);
    if (op.offset.type == Type::f16)
      launch_vectors<DySampleTile<V, __half>>(DySample::kName, on, op.y, V::kLanes, op, memory);
    else
      launch_vectors<DySampleTile<V, float>>(DySample::kName, on, op.y, V::kLanes, op, memory);
  });
}

}  // namespace cudet
