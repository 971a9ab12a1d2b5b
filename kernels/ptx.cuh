// All PTX of the kernels, and the buffer of dynamic shared memory. Words in quotation marks are chapters of the PTX
// ISA. tests/simt has a stand-in of the same name for compilers without PTX.
#pragma once
#include <cuda_runtime.h>

#include <cstdint>

namespace cudet {

extern __shared__ __align__(1024) unsigned char dynamic_shared_memory[];

/// Makes the compiler keep a value in its register. Otherwise it may recompute a cheap value in every round of a loop.
__device__ __forceinline__ void keep(unsigned& value) {
  asm volatile("" : "+r"(value));
}

/// The block's dynamic shared memory, aligned to 1024 bytes; the launch sets its size. Kernels declare no other.
__device__ __forceinline__ unsigned char* shared_memory() {
  return dynamic_shared_memory;
}

/// Converts a pointer into shared memory to the address that ldmatrix and cp.async take.
__device__ __forceinline__ unsigned shared_address(const void* p) {
  return static_cast<unsigned>(__cvta_generic_to_shared(p));
}

// ---- Asynchronous copies from global to shared memory ("cp.async"); before sm_80 they are synchronous

/// Starts a copy of 16 bytes from byte offset kFrom of `from` to byte offset kTo of `to`. Only the first `bytes` (0 to
/// 16) are read; the others become 0. The source must be valid and 16-byte aligned even if `bytes` is 0. Bypasses L1,
/// because a block reads its operands once.
template <int kTo = 0, int kFrom = 0>
__device__ __forceinline__ void cp_async_16(unsigned to, const void* from, int bytes) {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.cg.shared.global [%0 + %3], [%1 + %4], 16, %2;" ::"r"(to), "l"(from), "r"(bytes), "n"(kTo),
               "n"(kFrom)
               : "memory");
#else
  unsigned words[4];
  for (int i = 0; i < 4; ++i) {
    const int valid = bytes - 4 * i;
    words[i] = valid > 0 ? static_cast<const unsigned*>(from)[kFrom / 4 + i] : 0;
    if (valid > 0 && valid < 4) words[i] &= (1u << 8 * valid) - 1;
  }
  asm volatile("st.shared.v4.u32 [%0 + %5], {%1, %2, %3, %4};" ::"r"(to), "r"(words[0]), "r"(words[1]), "r"(words[2]),
               "r"(words[3]), "n"(kTo)
               : "memory");
#endif
}
/// The same for all 16 bytes.
template <int kTo = 0, int kFrom = 0>
__device__ __forceinline__ void cp_async_16(unsigned to, const void* from) {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.cg.shared.global [%0 + %2], [%1 + %3], 16;" ::"r"(to), "l"(from), "n"(kTo), "n"(kFrom)
               : "memory");
#else
  cp_async_16<kTo, kFrom>(to, from, 16);
#endif
}
/// Closes a group of copies: those that the thread started since it closed the previous group.
__device__ __forceinline__ void cp_async_commit() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}
/// Waits until all of the thread's groups except the newest N have completed. A barrier must follow before other
/// threads read the copied data.
template <int N>
__device__ __forceinline__ void cp_async_wait() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
#endif
}

// ---- Tensor cores. All 32 lanes of the warp call these together.

/// Loads four 8x8 matrices of 16-bit elements ("ldmatrix"). `row` of lane 8i + r: shared address of row r of matrix i,
/// 16 bytes, at byte offset kOffset. r[i] of lane l: elements 2(l % 4) and 2(l % 4) + 1 of row l / 4 of matrix i.
template <int kOffset = 0>
__device__ __forceinline__ void ldmatrix_x4(unsigned (&r)[4], unsigned row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4 + %5];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(row), "n"(kOffset)
               : "memory");
}

/// d += a * b ("Matrix Fragments for mma.m16n8k16 with floating point type"): a 16x16 and b 16x8 of f16, d 16x8 of f32.
/// With g = lane / 4, t = lane % 4: a[0] has elements (g, 2t) and (g, 2t+1), a[1] those 8 rows below, a[2] those 8
/// columns to the right, a[3] both; b[0] has (2t, g) and (2t+1, g), b[1] those 8 rows below; d[0] and d[1] are (g, 2t)
/// and (g, 2t+1), d[2] and d[3] those 8 rows below. So one ldmatrix_x4 loads one a from its rows, or two b from their
/// columns.
__device__ __forceinline__ void mma_m16n8k16(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
#if __CUDA_ARCH__ >= 800
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, "
      "%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
  __trap();  // fp16 needs sm_80; the executor does not launch fp16 kernels on older devices
#endif
}

// ---- Order between blocks ("Memory Consistency Model"): a thread that acquires a value sees all writes that the
// releasing thread made before it released the value. A __syncthreads() before the release and one after the acquire
// extend this to all threads of the two blocks.

__device__ __forceinline__ unsigned load_acquire(const unsigned* p) {
  unsigned value;
  asm volatile("ld.acquire.gpu.u32 %0, [%1];" : "=r"(value) : "l"(p) : "memory");
  return value;
}
/// Reads a value that other blocks change, without ordering other accesses.
__device__ __forceinline__ unsigned load_relaxed(const unsigned* p) {
  unsigned value;
  asm volatile("ld.relaxed.gpu.u32 %0, [%1];" : "=r"(value) : "l"(p) : "memory");
  return value;
}
/// Reads a counter that only grows; an acquire if it has reached `enough`. For loops that wait: every acquire makes the
/// multiprocessor drop its L1 cache, which the tiles of other blocks use.
__device__ __forceinline__ unsigned poll_acquire(const unsigned* p, unsigned enough) {
  const unsigned value = load_relaxed(p);
  return value >= enough ? load_acquire(p) : value;
}
__device__ __forceinline__ void store_release(unsigned* p, unsigned value) {
  asm volatile("st.release.gpu.u32 [%0], %1;" ::"l"(p), "r"(value) : "memory");
}
__device__ __forceinline__ void red_release_add(unsigned* p, unsigned value) {
  asm volatile("red.release.gpu.add.u32 [%0], %1;" ::"l"(p), "r"(value) : "memory");
}
/// Returns the value before the addition. Both a release and an acquire: the block that finishes last reads the results
/// of the others.
__device__ __forceinline__ unsigned fetch_add_acq_rel(unsigned* p, unsigned value) {
  unsigned before;
  asm volatile("atom.acq_rel.gpu.add.u32 %0, [%1], %2;" : "=r"(before) : "l"(p), "r"(value) : "memory");
  return before;
}
/// The same without ordering other accesses: for tickets.
__device__ __forceinline__ unsigned fetch_add_relaxed(unsigned* p, unsigned value) {
  unsigned before;
  asm volatile("atom.relaxed.gpu.add.u32 %0, [%1], %2;" : "=r"(before) : "l"(p), "r"(value) : "memory");
  return before;
}

/// Nanoseconds of the device's clock ("Special Registers: %globaltimer"), which may advance in steps of a microsecond.
__device__ __forceinline__ unsigned long long global_timer() {
  unsigned long long now;
  asm volatile("mov.u64 %0, %globaltimer;" : "=l"(now));
  return now;
}

}  // namespace cudet
