#include <algorithm>

#include "kernels/detect_decode/tile.cuh"

namespace cudet {
namespace {

template <class T>
__global__ void __launch_bounds__(kThreads)
    decode_kernel(const __grid_constant__ DetectDecode op, const __grid_constant__ Memory memory) {
  for (int tile = static_cast<int>(blockIdx.x); tile < op.y.n * op.anchor_tiles(); tile += static_cast<int>(gridDim.x))
    decode_tile<T>(op, memory, tile);
}

template <class V>
__global__ void __launch_bounds__(kThreads)
    candidates_kernel(const __grid_constant__ DetectDecode op, const __grid_constant__ Memory memory,
                      const __grid_constant__ CandidateOutput output) {
  for (int tile = static_cast<int>(blockIdx.x); tile < op.y.n * op.anchor_tiles(); tile += static_cast<int>(gridDim.x))
    candidates_tile<V>(op, memory, output, tile);
}

int blocks(const DetectDecode& op, const CudaStream& on) {
  return std::min(op.y.n * op.anchor_tiles(), kBlocksPerMultiprocessor * on.multiprocessors);
}

}  // namespace

void detect_decode_cuda(const DetectDecode& op, const Memory& memory, const CudaStream& on) {
  const auto kernel = op.level[0].score.type == Type::f16 ? decode_kernel<__half> : decode_kernel<float>;
  launch(DetectDecode::kName, on, blocks(op, on), 0, kernel, op, memory);
}

void detect_candidates_cuda(const DetectDecode& op, const Memory& memory, const CandidateOutput& output,
                            const CudaStream& on) {
  check(cudaMemsetAsync(output.found, 0, 2 * op.y.n * sizeof(int), on.stream), "detect_candidates");
  with_vector(op.level[0].score.type, has_vectors(op), [&](auto vector) {
    launch("detect_candidates", on, blocks(op, on), 0, candidates_kernel<decltype(vector)>, op, memory, output);
  });
}

}  // namespace cudet
