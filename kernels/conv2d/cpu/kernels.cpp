#include "kernels/conv2d/cpu/kernels.h"

#include <type_traits>

namespace cudet {
namespace {

constexpr const Conv2dCpuKernel* kKernels[] = {&conv2d_cpu_winograd, &conv2d_cpu_direct};

static_assert(std::is_trivially_copyable_v<Conv2dCpuPlan>);

}  // namespace

std::span<const Conv2dCpuKernel* const> conv2d_cpu_kernels() {
  return kKernels;
}

const Conv2dCpuKernel& conv2d_cpu_kernel(const Conv2d& op) {
  for (const Conv2dCpuKernel* kernel : kKernels)
    if (kernel->supports(op)) return *kernel;
  return conv2d_cpu_direct;  // supports all
}

Conv2dCpuPlan conv2d_cpu_plan(const Conv2d& op, int threads) {
  return conv2d_cpu_kernel(op).plan(op, threads);
}

}  // namespace cudet
