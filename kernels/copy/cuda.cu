#include "kernels/copy/copy.h"
#include "kernels/vector.cuh"

namespace cudet {
namespace {

template <class V>
struct CopyTile {
  static __device__ void run(const Copy& op, const Memory& memory, int tile) {
    using T = typename V::Element;
    const auto [i, v, u, k] = vector_place(op.y, V::kLanes, tile);
    if (u >= op.y.w) return;
    V::load(arena_data<T>(memory, op.x) + op.x.pixel(i, v, u) + k)
        .store(arena_data<T>(memory, op.y) + op.y.pixel(i, v, u) + k);
  }
};

}  // namespace

void copy_cuda(const Copy& op, const Memory& memory, const CudaStream& on) {
  with_vector(op.x.type, vectorizable(op.x) && vectorizable(op.y), [&](auto vector) {
    using V = decltype(vector);
    launch_vectors<CopyTile<V>>("copy", on, op.y, V::kLanes, op, memory);
  });
}

}  // namespace cudet
