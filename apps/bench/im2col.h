// The textbook convolution by im2col, as a baseline for the kernels: each window becomes a row of a matrix, which is
// multiplied by the weights.
#pragma once
#include <cstddef>

#include "kernels/conv2d/conv2d.h"

namespace cudet::bench {

/// Number of floats in the matrix, a whole number. A double, since it can exceed the range of int.
double im2col_floats(const Conv2d& op);
/// Number of tiles of output pixels.
int im2col_tiles(const Conv2d& op);
/// Computes the tiles first..last-1, for f32 and groups = 1. The weights are packed for conv2d_cpu_direct. `matrix`
/// is scratch memory of im2col_floats() floats; each tile uses its own part, so tiles can run in parallel.
void conv2d_im2col(const Conv2d& op, const Memory& memory, float* matrix, int first, int last);

}  // namespace cudet::bench
