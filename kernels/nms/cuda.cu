#include <algorithm>

#include "kernels/nms/tile.cuh"

namespace cudet {
namespace {

__global__ void __launch_bounds__(kThreads) rank_kernel(const __grid_constant__ NmsBatch op) {
  rank_candidates(op, static_cast<int>(blockIdx.x), static_cast<int>(gridDim.x));
}

__global__ void __launch_bounds__(kThreads) suppress_kernel(const __grid_constant__ NmsBatch op) {
  suppress_image(op, static_cast<int>(blockIdx.x));
}

}  // namespace

void nms_cuda(const NmsBatch& op, const CudaStream& on) {
  const int tiles = op.images * ((op.capacity + kRanked - 1) / kRanked);
  launch("nms", on, std::clamp(tiles, 1, 8 * on.multiprocessors), kRankShared, rank_kernel, op);
  launch("nms", on, op.images, kSuppressShared, suppress_kernel, op);
}

}  // namespace cudet
