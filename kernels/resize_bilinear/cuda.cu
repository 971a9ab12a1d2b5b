#include "kernels/resize_bilinear/tile.cuh"

namespace cudet {

void resize_bilinear_cuda(const ResizeBilinear& op, const Memory& memory, const CudaStream& on) {
  launch_vectors(op, memory, on);
}

}  // namespace cudet
