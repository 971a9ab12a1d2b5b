// How the CUDA kernel of MaxPoolChain divides its work. Host code too, so that it can be planned without CUDA.
#pragma once
#include "kernels/max_pool/max_pool.h"

namespace cudet {

/// A tile is a strip of rows of y, of full width, by a few vectors of each pixel.
struct ChainTiling {
  int rows;  // rows per strip
  int log2;  // a tile has 2^log2 vectors of each pixel

  CUDET_HD int strips(const MaxPoolChain& op) const { return (op.x.h + rows - 1) / rows; }
  /// Tiles along the channels.
  CUDET_HD int groups(const MaxPoolChain& op, int lanes) const { return (op.x.c / lanes) >> log2; }
  CUDET_HD int tiles(const MaxPoolChain& op, int lanes) const { return op.x.n * strips(op) * groups(op, lanes); }
  /// Maximum number of rows of x that one tile depends on.
  CUDET_HD int input_rows(const MaxPoolChain& op) const {
    const int all = rows + 2 * op.count * (op.kernel / 2);
    return all < op.x.h ? all : op.x.h;
  }
  /// Of two maps: the values, and the maxima along rows.
  std::size_t shared_bytes(const MaxPoolChain& op) const {
    return (std::size_t{2} * 16 * input_rows(op) * op.x.w) << log2;
  }
};

/// Returns the tiling with the minimum work for the busiest multiprocessor; of equal ones, the one with the longest
/// contiguous accesses. `rows` is 0 if no tiling fits into shared memory, or if the maps are not in whole vectors: the
/// poolings then run one by one.
/// `shared_bytes`: maximum shared memory of a block.
ChainTiling chain_tiling(const MaxPoolChain& op, int multiprocessors, std::size_t shared_bytes);

}  // namespace cudet
