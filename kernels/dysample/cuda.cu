#include <algorithm>

#include "kernels/dysample/sample.cuh"

namespace cudet {
namespace {

// A thread makes one vector of y. Neighbouring threads take neighbouring channels of the same point, or nearly: what
// they gather from each corner is one run of memory.
template <class V, class O>
__device__ void dysample_tile(const DySample& op, const Memory& memory, int tile) {
  using T = typename V::Element;
  const auto [i, row, column, k] = vector_place(op.y, V::kLanes, tile);
  if (column >= op.y.w) return;
  const int s = op.scale, v = row / s, u = column / s, g = k / (op.x.c / op.groups);
  const O* offsets = arena_data<O>(memory, op.offset) + op.offset.pixel(i, v, u);
  const SamplePoint point =
      sample_point(op, v, u, g, row % s, column % s, [offsets](int m) { return static_cast<float>(offsets[m]); });
  sample_vector<V>(op, memory, i, point, k).store(arena_data<T>(memory, op.y) + op.y.pixel(i, row, column) + k);
}

template <class V, class O>
__global__ void __launch_bounds__(kThreads)
    dysample_kernel(const __grid_constant__ DySample op, const __grid_constant__ Memory memory) {
  const int tiles = vector_tiles(op.y, V::kLanes);
  for (int tile = static_cast<int>(blockIdx.x); tile < tiles; tile += static_cast<int>(gridDim.x))
    dysample_tile<V, O>(op, memory, tile);
}

}  // namespace

void dysample_cuda(const DySample& op, const Memory& memory, const CudaStream& on) {
  const bool groups_whole = op.x.c / op.groups * size_of(op.x.type) % 16 == 0;  // no vector lies in two groups
  with_vector(op.x.type, vectorizable(op.x) && vectorizable(op.y) && groups_whole, [&](auto vector) {
    using V = decltype(vector);
    const int blocks = std::min(vector_tiles(op.y, V::kLanes), 16 * on.multiprocessors);
    launch("dysample", on, blocks, 0,
           op.offset.type == Type::f16 ? dysample_kernel<V, __half> : dysample_kernel<V, float>, op, memory);
  });
}

}  // namespace cudet
