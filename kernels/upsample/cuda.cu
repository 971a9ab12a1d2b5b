#include "kernels/upsample/tile.cuh"

namespace cudet {

void upsample_cuda(const Upsample& op, const Memory& memory, const CudaStream& on) {
  launch_vectors(op, memory, on);
}

}  // namespace cudet
