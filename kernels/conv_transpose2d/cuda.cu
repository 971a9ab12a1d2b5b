#include "kernels/conv_transpose2d/tile.cuh"

namespace cudet {

void conv_transpose2d_cuda(const ConvTranspose2d& op, const Memory& memory, const CudaStream& on) {
  launch_vectors(op, memory, on);
}

}  // namespace cudet
