// The CPU's convolution kernels: one table, which the executor, the tests and bench use.
#pragma once
#include <cstddef>
#include <type_traits>
#include <variant>

#include "kernels/conv2d/cpu/blocks.h"
#include "kernels/conv2d/cpu/winograd_plan.h"

namespace cudet {

/// The strides with which the direct kernel (direct.cpp) reads x, in floats.
struct Conv2dStrides {
  std::ptrdiff_t across, down;  // from an output's first tap to that of the next output in its row, and in its column
  std::ptrdiff_t origin;        // from the first tap of output (0, 0) to the image's first pixel
  int rows;                     // of the kernel
  int runs, run;                // runs of contiguous channels in a kernel row, and channels of a run
  std::ptrdiff_t row, tap;      // from one kernel row to the next, and from one run to the next
  std::ptrdiff_t weight;        // packed weights of a run
  bool reads_once;              // whether each value of x is read only once per block
  int first_row, end_row, first_column, end_column;  // outputs whose taps are all inside of the image
};

/// The direct kernel's division: a tile is a run of an image's output pixels, in row-major order, by a range of blocks.
struct Conv2dDirectPlan {
  Conv2dBlocks blocks;
  BlockRanges ranges;
  int pixels;           // of an image
  int pixels_per_tile;  // a multiple of every instruction set's register tile
  int runs;             // tiles per image and range
  Conv2dStrides strides;
};

struct Conv2dCpuKernel;

/// How a kernel divides one convolution among threads. Made once by Conv2dCpuKernel::plan. Plain data without addresses
/// of any Memory.
struct Conv2dCpuPlan {
  const Conv2dCpuKernel* kernel;
  int tiles;  // independent of each other; neighbouring tiles read the same weights or the same input
  std::variant<Conv2dDirectPlan, Conv2dWinogradPlan> division;
};

/// A kernel for f32 on N, H, W, C, compiled for every instruction set; the best one is picked at run time.
struct Conv2dCpuKernel {
  const char* name;
  /// Depends on the channels, kernel, stride, dilation and groups alone: it is asked before sizes are known, to pack
  /// weights, and again when a Program is compiled.
  bool (*supports)(const Conv2d&);

  /// Floats of the packed weights. The size and the order depend only on the channels, kernel, stride, dilation and
  /// groups, so weights can be packed before the input's size is known.
  std::size_t (*packed_floats)(const Conv2d&);
  /// Packs weights of layout K, R, S, C/groups, in the same order for every instruction set. For speed, `packed` and
  /// its copy in Memory::weights should be 64-byte aligned.
  void (*pack)(const Conv2d&, const float* weight, float* packed);

  /// Divides the work into tiles that suit `threads` threads, at least 1.
  Conv2dCpuPlan (*plan)(const Conv2d&, int threads);
  /// Computes tiles [first, last) with the calling thread's Memory::scratch. y does not depend on the plan, on the
  /// division of the tiles among calls, or on the order of the calls.
  void (*run)(const Conv2d&, const Conv2dCpuPlan&, const Memory&, int first, int last);
};

/// Implicit GEMM, for every convolution. Error: that of summing floats in some order. Packed weights: group, block of
/// 16 output channels, R, S, C/groups, channel of the block; a group's last block is padded with zeros.
extern const Conv2dCpuKernel conv2d_cpu_direct;
/// Winograd's algorithm on patches of 4×4 outputs, for kernels of 3×3 with dilation and groups 1, C a multiple of 16,
/// and stride 1, or stride 2 with at least 32 input channels. Error: about ten times that of the direct kernel, or
/// three times with stride 2. A NaN or an infinity in the input may reach all outputs of the patches that read it.
/// Packed weights: block of 16 output channels, 36 transformed weights, C, channel of the block. If the convolution
/// keeps its taps (winograd_plan.h), they take a quarter of that: block, C, 9 taps, channel of the block.
extern const Conv2dCpuKernel conv2d_cpu_winograd;

/// All kernels, specialised ones before general ones. The last one supports every convolution.
inline constexpr const Conv2dCpuKernel* kConv2dCpuKernels[] = {&conv2d_cpu_winograd, &conv2d_cpu_direct};

/// Returns the kernel that the executor uses: the first that supports the convolution.
inline const Conv2dCpuKernel& conv2d_cpu_kernel(const Conv2d& op) {
  for (const Conv2dCpuKernel* kernel : kConv2dCpuKernels)
    if (kernel->supports(op)) return *kernel;
  return conv2d_cpu_direct;
}
/// Returns that kernel's plan.
inline Conv2dCpuPlan conv2d_cpu_plan(const Conv2d& op, int threads) {
  return conv2d_cpu_kernel(op).plan(op, threads);
}
static_assert(std::is_trivially_copyable_v<Conv2dCpuPlan>);

}  // namespace cudet
