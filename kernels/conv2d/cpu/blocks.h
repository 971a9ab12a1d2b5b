// Blocks of output channels: the unit in which all of the CPU's convolution kernels pack weights and divide their work.
#pragma once
#include <cstddef>

#include "kernels/conv2d/conv2d.h"

namespace cudet {

/// Output channels of a block: one vector of AVX-512, two of AVX2, four of NEON.
constexpr int kConv2dBlock = 16;

/// The blocks of a convolution. Each group is divided separately; its last block is padded.
struct Conv2dBlocks {
  int depth = 0;           // R · S · C/groups
  int per_group = 0;       // blocks
  int count = 0;           // blocks of all groups
  std::size_t floats = 0;  // packed weights of one block: depth, kConv2dBlock

  Conv2dBlocks() = default;
  explicit Conv2dBlocks(const Conv2d& op)
      : depth(op.kernel.h * op.kernel.w * (op.x.c / op.groups)),
        per_group(ceil_div(op.y.c / op.groups, kConv2dBlock)),
        count(op.groups * per_group),
        floats(static_cast<std::size_t>(depth) * kConv2dBlock) {}
};

/// Blocks divided into ranges. A tile of work computes one range for some of the output pixels.
struct BlockRanges {
  int blocks = 0;  // per range: even or 1, because the widest vectors process blocks in pairs
  int count = 0;   // ranges; the last one may have fewer blocks

  BlockRanges() = default;
  /// Divides `total` blocks into ranges of about `limit` blocks: at most limit + 1.
  BlockRanges(int total, int limit) : blocks(ceil_div(total, ceil_div(total, limit))) {
    if (blocks > 1) blocks += blocks % 2;
    count = ceil_div(total, blocks);
  }
};

/// Transposes `lanes` rows, `stride` floats apart, of `count` floats into a block: to(e, lane) = rows(lane, e), with
/// zeros in the remaining lanes. `to` has `pitch` floats from e to e + 1.
void pack_block(const float* rows, std::size_t stride, int lanes, std::size_t count, float* to, std::size_t pitch);

/// Reshapes every image of a pointwise convolution to one row, so that kernels need not handle the ends of rows.
/// Returns any other convolution unchanged.
Conv2d pointwise_as_row(Conv2d op);

}  // namespace cudet
