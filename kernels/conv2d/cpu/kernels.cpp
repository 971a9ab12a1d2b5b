// Which of the CPU's kernels runs a convolution.
#include "kernels/conv2d/cpu/tiling.h"

namespace cudet {

bool conv2d_cpu_has_winograd(const Conv2d& op) {
  constexpr Extent kOne{1, 1}, kTwo{2, 2};
  if (op.kernel != Extent{3, 3} || op.dilation != kOne || op.groups != 1 || op.x.c % kWinogradChannels != 0)
    return false;
  return op.stride == kOne || (op.stride == kTwo && op.x.c >= kWinogradLeastChannels2);
}

std::size_t conv2d_cpu_packed_floats(const Conv2d& op) {
  return conv2d_cpu_has_winograd(op) ? conv2d_cpu_winograd_floats(op) : conv2d_cpu_direct_floats(op);
}

void conv2d_cpu_pack(const Conv2d& op, const float* weight, float* packed) {
  conv2d_cpu_has_winograd(op) ? conv2d_cpu_winograd_pack(op, weight, packed)
                              : conv2d_cpu_direct_pack(op, weight, packed);
}

int conv2d_cpu_tiles(const Conv2d& op, int threads) {
  return conv2d_cpu_has_winograd(op) ? conv2d_cpu_winograd_tiles(op, threads) : conv2d_cpu_direct_tiles(op, threads);
}

void conv2d_cpu(const Conv2d& op, const Memory& memory, int threads, int first, int last) {
  conv2d_cpu_has_winograd(op) ? conv2d_cpu_winograd(op, memory, threads, first, last)
                              : conv2d_cpu_direct(op, memory, threads, first, last);
}

}  // namespace cudet
