// kernels/ptx.cuh in C++ instead of PTX. That file has the contracts.
#pragma once
#include <cuda_runtime.h>

#include "tests/simt/thread.h"

namespace cudet {

inline void keep(unsigned&) {}

inline unsigned char* shared_memory() {
  return simt::self->warp->block->shared;
}
inline unsigned shared_address(const void* p) {
  return static_cast<unsigned>(static_cast<const unsigned char*>(p) - shared_memory());
}

// The data arrive at the wait, the last moment that a device allows; until then the destination holds NaN.
template <int kTo = 0, int kFrom = 0>
void cp_async_16(unsigned to, const void* base, int bytes = 16) {
  unsigned char* destination = simt::shared_16(to + kTo, "cp.async");
  const void* from = static_cast<const unsigned char*>(base) + kFrom;
  if (reinterpret_cast<std::uintptr_t>(from) % 16 != 0 || bytes < 0 || bytes > 16)
    simt::fault("cp.async of %d bytes from %p: needs 0 to 16 bytes, aligned to 16", bytes, from);
  std::memset(destination, 0xff, 16);
  simt::self->copies.push_back({destination, from, static_cast<unsigned>(bytes)});
}
inline void cp_async_commit() {
  simt::self->groups.push_back(simt::self->copies.size());
}
template <int N>
void cp_async_wait() {
  std::vector<simt::Copy>& copies = simt::self->copies;
  std::vector<std::size_t>& groups = simt::self->groups;
  if (groups.size() <= N) return;
  const std::size_t landing = groups.size() - N, count = groups[landing - 1];
  for (std::size_t i = 0; i < count; ++i) {
    std::memcpy(copies[i].to, copies[i].from, copies[i].bytes);
    std::memset(copies[i].to + copies[i].bytes, 0, 16 - copies[i].bytes);
  }
  copies.erase(copies.begin(), copies.begin() + static_cast<std::ptrdiff_t>(count));
  groups.erase(groups.begin(), groups.begin() + static_cast<std::ptrdiff_t>(landing));
  for (std::size_t& group : groups) group -= count;
}

template <int kOffset = 0>
void ldmatrix_x4(unsigned (&r)[4], unsigned row, SIMT_SITE) {
  const unsigned lane = simt::self->lane;
  simt::Exchange& x = simt::self->warp->x;
  x.row[lane] = row + kOffset;
  simt::meet(~0u, simt::Meeting::ldmatrix_x4, site);
  for (int i = 0; i < 4; ++i) r[i] = x.matrix[i][lane];
}

inline void mma_m16n8k16(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2], SIMT_SITE) {
  const unsigned lane = simt::self->lane;
  simt::Exchange& x = simt::self->warp->x;
  for (int i = 0; i < 4; ++i) x.a[i][lane] = a[i];
  for (int i = 0; i < 2; ++i) x.b[i][lane] = b[i];
  for (int i = 0; i < 4; ++i) x.d[i / 2][lane][i % 2] = d[i];
  simt::meet(~0u, simt::Meeting::mma_m16n8k16, site);
  for (int i = 0; i < 4; ++i) d[i] = x.d[i / 2][lane][i % 2];
}

inline unsigned load_acquire(const unsigned* p, SIMT_SITE) {
  const unsigned value = __atomic_load_n(p, __ATOMIC_ACQUIRE);
  simt::polled(p, value, site);
  return value;
}
inline unsigned load_relaxed(const unsigned* p) {
  return __atomic_load_n(p, __ATOMIC_RELAXED);
}
inline unsigned poll_acquire(const unsigned* p, unsigned, SIMT_SITE) {
  return load_acquire(p, site);
}
inline void store_release(unsigned* p, unsigned value) {
  __atomic_store_n(p, value, __ATOMIC_RELEASE);
  simt::news();
}
inline void red_release_add(unsigned* p, unsigned value) {
  if (simt::is_lost()) return;
  __atomic_fetch_add(p, value, __ATOMIC_RELEASE);
  simt::news();
}
inline unsigned fetch_add_acq_rel(unsigned* p, unsigned value) {
  const unsigned before = __atomic_fetch_add(p, value, __ATOMIC_ACQ_REL);
  simt::news();
  return before;
}
inline unsigned fetch_add_relaxed(unsigned* p, unsigned value) {
  const unsigned before = __atomic_fetch_add(p, value, __ATOMIC_RELAXED);
  simt::news();
  return before;
}

inline unsigned long long global_timer() {
  return simt::grid_time();
}

}  // namespace cudet
