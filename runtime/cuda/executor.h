// The CUDA kernels by their operator.
#pragma once
#include "kernels/launch.cuh"
#include "runtime/program.h"

namespace cudet {

/// Launches a step's kernels. Throws Error that names the step's module.
void run_on_cuda(const Program::NamedStep& named, const Memory& memory, const CudaStream& on);

}  // namespace cudet
