#include "kernels/max_pool/chain_tiling.h"

#include <algorithm>

namespace cudet {

ChainTiling chain_tiling(const MaxPoolChain& op, int multiprocessors, std::size_t shared_bytes) {
  const std::size_t room = std::min(kSharedByDefault, shared_bytes);
  const int lanes = 16 / static_cast<int>(size_of(op.x.type));
  ChainTiling best{};
  if (!vectorizable(op.x) || !std::all_of(op.y, op.y + op.count, vectorizable)) return best;
  long min_work = 0;
  for (int log2 = 2; log2 >= 0; --log2)
    for (int rows = op.x.h; rows >= 1 && (op.x.c / lanes) % (1 << log2) == 0; --rows) {
      const ChainTiling tiling{rows, log2};
      if (tiling.shared_bytes(op) > room) continue;
      const int rounds = (tiling.tiles(op, lanes) + multiprocessors - 1) / multiprocessors;
      long passes = tiling.input_rows(op);  // rows that one tile reads and its poolings process
      for (int left = op.count; left > 0; --left) passes += std::min(rows + (2 * left - 1) * (op.kernel / 2), op.x.h);
      const long work = (rounds * passes) << log2;
      if (best.rows != 0 && work >= min_work) continue;
      best = tiling;
      min_work = work;
    }
  return best;
}

}  // namespace cudet
