#include <algorithm>

#include "kernels/copy/copy.h"
#include "kernels/vector.cuh"

namespace cudet {
namespace {

template <class V>
__device__ void copy_tile(const Copy& op, const Memory& memory, int tile) {
  using T = typename V::Element;
  const auto [i, v, u, k] = vector_place(op.y, V::kLanes, tile);
  if (u >= op.y.w) return;
  V::load(arena_data<T>(memory, op.x) + op.x.pixel(i, v, u) + k)
      .store(arena_data<T>(memory, op.y) + op.y.pixel(i, v, u) + k);
}

template <class V>
__global__ void __launch_bounds__(kThreads)
    copy_kernel(const __grid_constant__ Copy op, const __grid_constant__ Memory memory) {
  const int tiles = vector_tiles(op.y, V::kLanes);
  for (int tile = static_cast<int>(blockIdx.x); tile < tiles; tile += static_cast<int>(gridDim.x))
    copy_tile<V>(op, memory, tile);
}

}  // namespace

void copy_cuda(const Copy& op, const Memory& memory, const CudaStream& on) {
  with_vector(op.x.type, vectorizable(op.x) && vectorizable(op.y), [&](auto vector) {
    using V = decltype(vector);
    const int blocks = std::min(vector_tiles(op.y, V::kLanes), 16 * on.multiprocessors);
    launch("copy", on, blocks, 0, copy_kernel<V>, op, memory);
  });
}

}  // namespace cudet
