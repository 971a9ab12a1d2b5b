// Whether this build's kernels run on the current device.
#pragma once
#include <cuda_runtime.h>

namespace cudet {

/// What CUDA says of a kernel of this build: cudaErrorNoKernelImageForDevice or cudaErrorInvalidDeviceFunction where it
/// was built for other devices.
cudaError_t probe_kernels();

}  // namespace cudet
