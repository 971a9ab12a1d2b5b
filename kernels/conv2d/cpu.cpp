// Which of the CPU's kernels runs a convolution, and the weights that they read.
#include "kernels/conv2d/cpu_tiling.h"

namespace cudet {
namespace {

std::size_t direct_floats(const Conv2d& op) {
  const Conv2dBlocks blocks(op);
  return static_cast<std::size_t>(blocks.count) * blocks.floats;
}

void pack_direct(const Conv2d& op, const float* weight, float* packed) {
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

/// U = G g Gᵀ of each pair of channels: block, point, C, channel of the block.
void pack_winograd(const Conv2d& op, const float* weight, float* packed) {
  constexpr double kG[kWinogradIn][3] = {{1 / 4.0, 0, 0},
                                         {-1 / 6.0, -1 / 6.0, -1 / 6.0},
                                         {-1 / 6.0, 1 / 6.0, -1 / 6.0},
                                         {1 / 24.0, 1 / 12.0, 1 / 6.0},
                                         {1 / 24.0, -1 / 12.0, 1 / 6.0},
                                         {0, 0, 1}};
  const std::size_t c_count = static_cast<std::size_t>(op.x.c), point = c_count * kConv2dBlock;
  const int padded = Conv2dBlocks(op).count * kConv2dBlock;
  for (int k = 0; k < padded; ++k) {
    float* to = packed + static_cast<std::size_t>(k / kConv2dBlock) * kWinogradPoints * point + k % kConv2dBlock;
    for (std::size_t c = 0; c < c_count; ++c, to += kConv2dBlock) {
      double half[kWinogradIn][3] = {};  // G g
      for (int i = 0; i < kWinogradIn && k < op.y.c; ++i)
        for (std::size_t s = 0; s < 3; ++s)
          for (std::size_t r = 0; r < 3; ++r)
            half[i][s] += kG[i][r] * weight[((static_cast<std::size_t>(k) * 3 + r) * 3 + s) * c_count + c];
      for (std::size_t i = 0; i < kWinogradIn; ++i)
        for (std::size_t j = 0; j < kWinogradIn; ++j)
          to[(i * kWinogradIn + j) * point] =
              static_cast<float>(half[i][0] * kG[j][0] + half[i][1] * kG[j][1] + half[i][2] * kG[j][2]);
    }
  }
}

}  // namespace

/// Channels in whole vectors. With more of them few patches fit the second-level cache, and nothing is gained by
/// weights of four times the size.
bool conv2d_cpu_has_winograd(const Conv2d& op) {
  constexpr Extent kOne{1, 1};
  return op.kernel == Extent{3, 3} && op.stride == kOne && op.dilation == kOne && op.groups == 1 && op.x.c % 16 == 0 &&
         op.x.c <= 256;
}

/// Patches that stick out cost what whole ones do.
bool conv2d_cpu_picks_winograd(const Conv2d& op) {
  if (!conv2d_cpu_has_winograd(op)) return false;
  const double products = kWinogradPoints * static_cast<double>(WinogradTiling(op).patches);
  return products < 0.8 * op.y.h * op.y.w * 9;
}

std::size_t conv2d_cpu_packed_floats(const Conv2d& op) {
  return conv2d_cpu_has_winograd(op) ? direct_floats(op) / 9 * (9 + kWinogradPoints) : direct_floats(op);
}

void conv2d_cpu_pack(const Conv2d& op, const float* weight, float* packed) {
  pack_direct(op, weight, packed);
  if (conv2d_cpu_has_winograd(op)) pack_winograd(op, weight, packed + direct_floats(op));
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

int conv2d_cpu_tiles(const Conv2d& op) {
  return conv2d_cpu_picks_winograd(op) ? conv2d_cpu_winograd_tiles(op) : conv2d_cpu_direct_tiles(op);
}

void conv2d_cpu(const Conv2d& op, const Memory& memory, int first, int last) {
  conv2d_cpu_picks_winograd(op) ? conv2d_cpu_winograd(op, memory, first, last)
                                : conv2d_cpu_direct(op, memory, first, last);
}

}  // namespace cudet
