// Checks whether this build's kernels run on the current device.
#pragma once
#include <cuda_runtime.h>

namespace cudet {

/// Looks up a kernel of this build. Returns cudaErrorNoKernelImageForDevice or cudaErrorInvalidDeviceFunction if it was
/// built for other devices.
cudaError_t probe_kernels();

}  // namespace cudet
