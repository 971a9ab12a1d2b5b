// The CPU's kernels of the 8-bit convolution: one table, as for f32 (conv2d/cpu/kernels.h).
#pragma once
#include <cstddef>
#include <span>
#include <variant>

#include "kernels/conv2d/cpu/blocks.h"
#include "kernels/conv2d_int8/conv2d_int8.h"

namespace cudet {

/// Runs of contiguous channels in the direct kernel's input. If pixels are dense, the taps of a kernel row are one run;
/// otherwise each tap is a run. Weights are used in pairs, so an odd run's last pair is padded with a weight of zero.
struct Int8Runs {
  int per_row;              // runs per row of the kernel
  int values, pairs;        // of a run
  std::size_t block_pairs;  // of a block of output channels

  explicit Int8Runs(const Conv2d& conv) {
    const bool dense = conv.groups == 1 && conv.dilation.w == 1;
    per_row = dense ? 1 : conv.kernel.w;
    values = conv.x.c / conv.groups * (dense ? conv.kernel.w : 1);
    pairs = ceil_div(values, 2);
    block_pairs = static_cast<std::size_t>(conv.kernel.h) * per_row * pairs * kConv2dBlock;
  }
};

/// The direct kernel's division: a tile is a rectangle of an image's output pixels by a range of blocks. It reads a
/// patch of the input.
struct Int8DirectPlan {
  static constexpr int kPatchValues = 48 << 10;  // maximum; they stay in the second-level cache

  Conv2dBlocks blocks;
  Int8Runs runs;
  BlockRanges ranges;
  Extent pixels;  // of a tile
  Extent tiles;   // of an image

  /// Pixels of the input that a rectangle of output pixels reads.
  static Extent patch(const Conv2d& conv, Extent output) {
    return {(output.h - 1) * conv.stride.h + (conv.kernel.h - 1) * conv.dilation.h + 1,
            (output.w - 1) * conv.stride.w + (conv.kernel.w - 1) * conv.dilation.w + 1};
  }
};

/// The Winograd kernel's division: a tile is a run of an image's patches, in row-major order, by a range of blocks.
struct Int8WinogradPlan {
  static constexpr int kMaxChannels = 512, kMaxPatches = 24;
  static constexpr int kMaxValues = 96 << 10;  // of a tile's transformed input

  Conv2dBlocks blocks;
  BlockRanges ranges;
  int patches_per_row;         // of an image
  int patches;                 // of an image
  int patches_per_tile, runs;  // runs: tiles per image and range
  std::size_t block_pairs;     // packed weights of a block
};

struct Conv2dInt8CpuKernel;

/// As Conv2dCpuPlan.
struct Conv2dInt8CpuPlan {
  const Conv2dInt8CpuKernel* kernel;
  int tiles;
  std::variant<Int8DirectPlan, Int8WinogradPlan> division;
};

/// As Conv2dCpuKernel.
struct Conv2dInt8CpuKernel {
  const char* name;
  /// Depends on the channels, kernel, stride, dilation and groups alone: it is asked before sizes are known, to pack
  /// weights, and again when a Program is compiled.
  bool (*supports)(const Conv2d&);

  /// Bytes of the packed weights. The size depends only on the channels, kernel, stride, dilation and groups.
  std::size_t (*packed_bytes)(const Conv2d&);
  /// Quantises finite weights of layout K, R, S, C/groups and packs them, for an input of this quantisation, in the
  /// same order for every instruction set. For speed, `packed` should be 64-byte aligned. Weights of the form w · s(k),
  /// up to rounding, are packed as w.
  void (*pack)(const Conv2d&, Quantization x, const float* weight, std::byte* packed);

  /// Divides the work into tiles, for any number of threads.
  Conv2dInt8CpuPlan (*plan)(const Conv2dInt8&);
  /// Computes tiles [first, last), with the calling thread's Memory::scratch.
  void (*run)(const Conv2dInt8&, const Conv2dInt8CpuPlan&, const Memory&, int first, int last);
};

// Packed weights are 16-bit integers, in pairs for neighbouring values of the input. A pair is one 32-bit word with the
// first weight in the lower half, the order of the values in memory.

/// Implicit GEMM on 16-bit integers, whose pairs of products are summed in 32 bits. The sums equal the reference's.
/// Packed: multiplier of each output channel (f32, padded to whole blocks), then weights: block, R, run, pair of the
/// run's values, channel of the block.
extern const Conv2dInt8CpuKernel conv2d_int8_cpu_direct;
/// Winograd's F(4×4, 3×3) for kernels of 3×3 with stride, dilation and groups 1, and C a multiple of 16 up to 512. The
/// transformed input is exact in 16 bits; the transformed weights are rounded to the maximum number of bits that keeps
/// every sum within 32 bits. Error: a few thousandths of the largest output before activation. Packed: multipliers
/// (f32): block, point, channel of the block; then weights: block, point, pair of input channels, channel of the block.
extern const Conv2dInt8CpuKernel conv2d_int8_cpu_winograd;

/// All kernels, specialised ones before general ones.
std::span<const Conv2dInt8CpuKernel* const> conv2d_int8_cpu_kernels();
/// The kernel that the executor uses: the first that supports the convolution, which must fit (conv2d_int8_fits).
const Conv2dInt8CpuKernel& conv2d_int8_cpu_kernel(const Conv2d& conv);
/// That kernel's plan.
Conv2dInt8CpuPlan conv2d_int8_cpu_plan(const Conv2dInt8& op);

}  // namespace cudet
