#include <algorithm>

#include "kernels/max_pool/tile.cuh"

namespace cudet {
namespace {

template <class V>
__global__ void __launch_bounds__(kThreads)
    max_pool_chain_kernel(const __grid_constant__ MaxPoolChain op, const __grid_constant__ ChainTiling tiling,
                          const __grid_constant__ Memory memory) {
  const int tiles = tiling.tiles(op, V::kLanes);
  for (int tile = static_cast<int>(blockIdx.x); tile < tiles; tile += static_cast<int>(gridDim.x))
    ChainTile<V>(op, tiling, memory, tile).run();
}

}  // namespace

void max_pool_cuda(const MaxPool& op, const Memory& memory, const CudaStream& on) {
  launch_vectors(op, memory, on);
}

void max_pool_chain_cuda(const MaxPoolChain& op, const Memory& memory, const CudaStream& on) {
  const int lanes = 16 / static_cast<int>(size_of(op.x.type));
  const ChainTiling tiling = chain_tiling(op, on.multiprocessors, static_cast<std::size_t>(on.shared_bytes_per_block));
  if (tiling.rows == 0) {
    for (int i = 0; i < op.count; ++i) max_pool_cuda(op.step(i), memory, on);
    return;
  }
  const int blocks = std::min(tiling.tiles(op, lanes), kBlocksPerMultiprocessor * on.multiprocessors);
  launch(MaxPoolChain::kName, on, blocks, tiling.shared_bytes(op),
         op.x.type == Type::f16 ? max_pool_chain_kernel<Vector<__half>> : max_pool_chain_kernel<Vector<float>>, op,
         tiling, memory);
}

}  // namespace cudet
