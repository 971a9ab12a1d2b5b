// The persistent kernel for f16: a file of its own, so that both compile in parallel.
#include "runtime/cuda/persistent/kernel.cuh"

namespace cudet {

PersistentInstance persistent_f16() {
  return {persistent_kernel<__half>, sizeof(BlockState)};
}

}  // namespace cudet
