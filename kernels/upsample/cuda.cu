#include <algorithm>

#include "kernels/upsample/upsample.h"
#include "kernels/vector.cuh"

namespace cudet {
namespace {

// A thread reads one vector of x and writes it to all pixels of y that repeat it: a tile is a piece of a row of x.
template <class V>
__device__ void upsample_tile(const Upsample& op, const Memory& memory, int tile) {
  using T = typename V::Element;
  const auto [i, v, u, k] = vector_place(op.x, V::kLanes, tile);
  if (u >= op.x.w) return;
  const V vector = V::load(arena_data<T>(memory, op.x) + op.x.pixel(i, v, u) + k);
  for (int p = 0; p < op.scale; ++p) {
    T* y = arena_data<T>(memory, op.y) + op.y.pixel(i, op.scale * v + p, op.scale * u) + k;
    for (int q = 0; q < op.scale; ++q, y += op.y.pitch) vector.store(y);
  }
}

template <class V>
__global__ void __launch_bounds__(kThreads)
    upsample_kernel(const __grid_constant__ Upsample op, const __grid_constant__ Memory memory) {
  const int tiles = vector_tiles(op.x, V::kLanes);
  for (int tile = static_cast<int>(blockIdx.x); tile < tiles; tile += static_cast<int>(gridDim.x))
    upsample_tile<V>(op, memory, tile);
}

}  // namespace

void upsample_cuda(const Upsample& op, const Memory& memory, const CudaStream& on) {
  with_vector(op.x.type, vectorizable(op.x) && vectorizable(op.y), [&](auto vector) {
    using V = decltype(vector);
    const int blocks = std::min(vector_tiles(op.x, V::kLanes), 16 * on.multiprocessors);
    launch("upsample", on, blocks, 0, upsample_kernel<V>, op, memory);
  });
}

}  // namespace cudet
