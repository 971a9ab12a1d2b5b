#include "kernels/conv2d_int8/cpu/kernels.h"

#include <algorithm>
#include <type_traits>

namespace cudet {
namespace {

constexpr const Conv2dInt8CpuKernel* kKernels[] = {&conv2d_int8_cpu_winograd, &conv2d_int8_cpu_direct};

static_assert(std::is_trivially_copyable_v<Conv2dInt8CpuPlan>);

}  // namespace

std::span<const Conv2dInt8CpuKernel* const> conv2d_int8_cpu_kernels() {
  return kKernels;
}

bool conv2d_int8_fits(const Conv2d& conv) {
  return std::any_of(std::begin(kKernels), std::end(kKernels),
                     [&](const Conv2dInt8CpuKernel* kernel) { return kernel->supports(conv); });
}

const Conv2dInt8CpuKernel& conv2d_int8_cpu_kernel(const Conv2d& conv) {
  for (const Conv2dInt8CpuKernel* kernel : kKernels)
    if (kernel->supports(conv)) return *kernel;
  return conv2d_int8_cpu_direct;
}

Conv2dInt8CpuPlan conv2d_int8_cpu_plan(const Conv2dInt8& op) {
  return conv2d_int8_cpu_kernel(op.conv).plan(op);
}

}  // namespace cudet
