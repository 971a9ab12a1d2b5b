#include "kernels/add/add.h"
#include "kernels/vector.cuh"

namespace cudet {
namespace {

// A thread computes one vector of y.
template <class V>
struct AddTile {
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

}  // namespace

void add_cuda(const Add& op, const Memory& memory, const CudaStream& on) {
  const bool whole = vectorizable(op.a) && vectorizable(op.b) && vectorizable(op.y);
  with_vector(op.y.type, whole, [&](auto vector) {
    using V = decltype(vector);
    launch_vectors<AddTile<V>>(Add::kName, on, op.y, V::kLanes, op, memory);
  });
}

}  // namespace cudet
