// The textbook's convolution, a yardstick for the kernels: windows to rows of a matrix, times the weights.
#pragma once
#include <cstddef>

#include "kernels/conv2d/conv2d.h"

namespace cudet::bench {

/// Floats of the matrix.
double im2col_floats(const Conv2d& op);
/// Output pixels go by tiles, as in the CPU's kernels; weights packed for conv2d_cpu_direct, f32, groups 1. `matrix`:
/// of im2col_floats, of which each tile has its own part.
int im2col_tiles(const Conv2d& op);
void conv2d_im2col(const Conv2d& op, const Memory& memory, float* matrix, int first, int last);

}  // namespace cudet::bench
