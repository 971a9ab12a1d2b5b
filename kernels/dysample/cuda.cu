#include "kernels/dysample/tile.cuh"

namespace cudet {

void dysample_cuda(const DySample& op, const Memory& memory, const CudaStream& on) {
  launch_vectors(op, memory, on);
}

}  // namespace cudet
