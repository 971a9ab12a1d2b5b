// How CUDA kernels with one vector per thread divide a tensor. Host code too, so that it can be planned without CUDA.
#pragma once
#include "kernels/tensor.h"

namespace cudet {

constexpr int kThreads = 128;  // threads per block, in every kernel

/// Whether every pixel consists of whole, aligned 16-byte vectors.
CUDET_HD constexpr bool vectorizable(const Tensor& t) {
  return in_vectors(t, t.c);
}

/// Number of tiles of tensor t, in vectors of `lanes` elements. A tile is kThreads vectors of one row, so that a warp
/// accesses neighbouring channels and even a small map has tiles for many blocks.
CUDET_HD inline int vector_tiles(const Tensor& t, int lanes) {
  return t.n * t.h * ((t.w * (t.c / lanes) + kThreads - 1) / kThreads);
}

}  // namespace cudet
