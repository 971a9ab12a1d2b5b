// The persistent kernel for f32: a file of its own, so that both compile in parallel.
#include "runtime/cuda/persistent/kernel.cuh"

namespace cudet {

PersistentInstance persistent_f32() {
  return {persistent_kernel<float>, sizeof(BlockState)};
}

}  // namespace cudet
