// Warp-wide instructions. A lane waits at the instruction until all lanes of the mask have arrived; the last one
// executes it for all of them.
#include <cuda_fp16.h>

#include <cstring>

#include "tests/simt/grid.h"

namespace simt {
namespace {

// Reads one 8x8 matrix of 16-bit elements from eight rows of shared memory. Lane l receives word l % 4 of row l / 4, so
// the registers by lane are the matrix, row-major.
void load_matrix(std::uint32_t (&matrix)[32], const std::uint32_t* rows) {
  for (int r = 0; r < 8; ++r) std::memcpy(matrix + 4 * r, shared_16(rows[r], "ldmatrix"), 16);
}

// d += a * b, shapes 16x8, 16x16 and 16x8. The product of two f16 is exact in f32, so a product and a sum round as the
// fused operation does.
#if defined(__x86_64__) && !defined(__clang__) && !defined(__AVX2__)
__attribute__((target_clones("avx2", "default")))
#endif
void mma_m16n8k16(Exchange& x) {
  using Row = float __attribute__((vector_size(32)));
  std::uint16_t halves[6 * 64];
  float wide[6 * 64], b[16][8];
  std::memcpy(halves, x.a, sizeof x.a);
  std::memcpy(halves + 4 * 64, x.b, sizeof x.b);
  for (int i = 0; i < 6 * 64; ++i) wide[i] = widen(halves[i]);
  for (int k = 0; k < 16; ++k)
    for (int n = 0; n < 8; ++n) b[k][n] = wide[(4 + k / 8) * 64 + n * 8 + k % 8];
  for (int m = 0; m < 16; ++m) {
    float* const d = &x.d[m / 8][m % 8 * 4][0];
    Row sum, row;
    std::memcpy(&sum, d, sizeof sum);
    for (int k = 0; k < 16; ++k) {
      std::memcpy(&row, b[k], sizeof row);
      sum += wide[(m / 8 + k / 8 * 2) * 64 + m % 8 * 8 + k % 8] * row;
    }
    std::memcpy(d, &sum, sizeof sum);
  }
}

__attribute__((noinline)) void execute(Warp& warp, unsigned mask, Meeting what) {
  Exchange& x = warp.x;
  switch (what) {
    case Meeting::sync:
      return;
    case Meeting::mma_m16n8k16:
      return mma_m16n8k16(x);
    case Meeting::ldmatrix_x4:
      for (int i = 0; i < 4; ++i) load_matrix(x.matrix[i], x.row + 8 * i);
      return;
    case Meeting::ballot:
    case Meeting::shuffle:
      std::uint64_t ballot = 0;
      for (unsigned lane = 0; lane < 32; ++lane) ballot |= (mask >> lane & 1) != 0 ? x.value[lane] << lane : 0;
      for (unsigned lane = 0; lane < 32; ++lane)
        if ((mask >> lane & 1) != 0)
          x.result[lane] = what == Meeting::ballot ? ballot
                           : (mask >> x.source[lane] & 1) != 0
                               ? x.value[x.source[lane]]
                               : ~std::uint64_t{0};  // the source lane is not in the mask
  }
}

}  // namespace

void meet(unsigned mask, Meeting what, Site site) {
  Thread& thread = *self;
  Warp& warp = *thread.warp;
  const unsigned bit = 1u << thread.lane;
  thread.site = site;
  if ((mask & bit) == 0) fault("is not in the mask %08x of the warp-wide instruction at line %u", mask, site.line());
  if ((mask & ~warp.live) != 0)
    fault("deadlock: waits at %s:%u for lanes %08x, of which %08x have returned", site.file_name(), site.line(), mask,
          mask & ~warp.live);
  unsigned m = 0;  // lanes may have diverged, so instructions with different masks can be pending
  while (m < warp.pending_count && (warp.pending[m].mask != mask || warp.pending[m].what != what)) ++m;
  Warp::Pending& pending = warp.pending[m];
  if (m == warp.pending_count) {
    pending = {mask, 0, what};
    ++warp.pending_count;
  }
  pending.arrived |= bit;
  if (pending.arrived != mask) {
    warp.ready &= ~bit;
    run_others(thread);
    return;
  }
  pending = warp.pending[--warp.pending_count];
  execute(warp, mask, what);
  warp.ready |= mask;
  warp.block->progress = true;
}

void sync_warp(unsigned mask, Site site) {
  meet(mask, Meeting::sync, site);
}

unsigned ballot(unsigned mask, bool predicate, Site site) {
  Thread& thread = *self;
  thread.warp->x.value[thread.lane] = predicate;
  meet(mask, Meeting::ballot, site);
  return static_cast<unsigned>(thread.warp->x.result[thread.lane]);
}

std::uint64_t shuffle(unsigned mask, std::uint64_t value, unsigned source, Site site) {
  Thread& thread = *self;
  thread.warp->x.value[thread.lane] = value;
  thread.warp->x.source[thread.lane] = static_cast<std::uint8_t>(source % 32);
  meet(mask, Meeting::shuffle, site);
  return thread.warp->x.result[thread.lane];
}

}  // namespace simt
