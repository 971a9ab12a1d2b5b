#include "kernels/conv2d/tiling.h"

namespace cudet {

std::size_t conv2d_cpu_packed_floats(const Conv2d& op) {
  const Conv2dBlocks blocks(op);
  return static_cast<std::size_t>(blocks.count) * blocks.floats;
}

void conv2d_cpu_pack(const Conv2d& op, const float* weight, float* packed) {
  const Conv2dBlocks blocks(op);
  const int k_of_group = op.y.c / op.groups;
  const std::size_t depth = static_cast<std::size_t>(blocks.depth);
  for (int block = 0; block < blocks.count; ++block) {
    const int first = block % blocks.of_group * kConv2dBlock, used = std::min(kConv2dBlock, k_of_group - first);
    const float* rows = weight + (static_cast<std::size_t>(block / blocks.of_group) * k_of_group + first) * depth;
    for (std::size_t e = 0; e < depth; ++e)
      for (int lane = 0; lane < kConv2dBlock; ++lane) *packed++ = lane < used ? rows[lane * depth + e] : 0;
  }
}

void conv2d_cpu_unpack(const Conv2d& op, const float* packed, float* weight) {
  const Conv2dBlocks blocks(op);
  const int k_of_group = op.y.c / op.groups;
  const std::size_t depth = static_cast<std::size_t>(blocks.depth);
  for (int k = 0; k < op.y.c; ++k) {
    const int of_group = k % k_of_group, block = k / k_of_group * blocks.of_group + of_group / kConv2dBlock;
    const float* from = packed + static_cast<std::size_t>(block) * blocks.floats + of_group % kConv2dBlock;
    for (std::size_t e = 0; e < depth; ++e) *weight++ = from[e * kConv2dBlock];
  }
}

}  // namespace cudet
