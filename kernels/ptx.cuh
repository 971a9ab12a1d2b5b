// All that the kernels say in PTX, and the one buffer of shared memory. Words in quotes name the PTX ISA's chapters.
// tests/simt has a stand-in under the same name, for compilers that make no PTX.
#pragma once
#include <cuda_runtime.h>

#include <cstdint>

namespace cudet {

extern __shared__ __align__(1024) unsigned char dynamic_shared_memory[];

/// Has the compiler keep a value in its register: what is cheap it would rather work out anew in every round of a loop.
__device__ __forceinline__ void keep(unsigned& value) {
  asm volatile("" : "+r"(value));
}

/// The block's dynamic shared memory: as many bytes as the launch gave, 1024-byte aligned. Kernels declare no other.
__device__ __forceinline__ unsigned char* shared_memory() {
  return dynamic_shared_memory;
}

/// The address that ldmatrix and cp.async take, for a pointer into shared memory.
__device__ __forceinline__ unsigned shared_address(const void* p) {
  return static_cast<unsigned>(__cvta_generic_to_shared(p));
}

// ---- Copies from global to shared memory behind the thread's back ("cp.async"); before sm_80 they are made at once

/// Starts a copy of 16 bytes, kTo and kFrom bytes behind the addresses; the last 16 - `bytes` of them become 0 and are
/// not read (bytes: 0 to 16, the source is valid and 16-byte aligned even where it is 0). Past L1: for what is read
/// once by this block.
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
/// The same of all 16 bytes.
template <int kTo = 0, int kFrom = 0>
__device__ __forceinline__ void cp_async_16(unsigned to, const void* from) {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.cg.shared.global [%0 + %2], [%1 + %3], 16;" ::"r"(to), "l"(from), "n"(kTo), "n"(kFrom)
               : "memory");
#else
  cp_async_16<kTo, kFrom>(to, from, 16);
#endif
}
/// Closes a group: the copies that the thread has started since it closed the last one.
__device__ __forceinline__ void cp_async_commit() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}
/// Waits for the thread's own groups but its newest N; a barrier must follow before others read what was copied.
template <int N>
__device__ __forceinline__ void cp_async_wait() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
#endif
}

// ---- Tensor cores. All 32 lanes of the warp call these together.

/// Loads 8x8 matrices of 16-bit elements ("ldmatrix"): lane 8i + r names row r of matrix i, 16 bytes of shared memory.
/// r[i] of lane l: elements 2(l % 4) and 2(l % 4) + 1 of row l / 4; `trans`: of column l / 4. All rows lie kOffset
/// bytes behind what is named.
template <int kOffset = 0>
__device__ __forceinline__ void ldmatrix_x4(unsigned (&r)[4], unsigned row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4 + %5];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(row), "n"(kOffset)
               : "memory");
}
__device__ __forceinline__ void ldmatrix_x4_trans(unsigned (&r)[4], unsigned row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(row)
               : "memory");
}
/// Two matrices: lanes 0 to 15 name their rows.
__device__ __forceinline__ void ldmatrix_x2(unsigned (&r)[2], unsigned row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];"
               : "=r"(r[0]), "=r"(r[1])
               : "r"(row)
               : "memory");
}

/// d += a * b ("Matrix Fragments for mma.m16n8k16 with floating point type"): a 16x16 and b 16x8 of f16, d 16x8 of f32.
/// With g = lane / 4, t = lane % 4: a[0] (g, 2t) (g, 2t+1), a[1] rows + 8, a[2] columns + 8, a[3] both; b[0] (2t, g)
/// (2t+1, g), b[1] rows + 8; d[0], d[1] (g, 2t) (g, 2t+1), d[2], d[3] rows + 8. So ldmatrix_x4 loads a; x2 loads b from
/// its columns.
__device__ __forceinline__ void mma_m16n8k16(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
#if __CUDA_ARCH__ >= 800
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, "
      "%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
  __trap();  // fp16 needs sm_80: the executor never launches its kernels before that
#endif
}

// ---- Order between blocks ("Memory Consistency Model"): what a thread wrote before its release, it reads that
// acquires what was released. A block shares its thread's order by a __syncthreads() before the release and one after
// the acquire.

__device__ __forceinline__ unsigned load_acquire(const unsigned* p) {
  unsigned value;
  asm volatile("ld.acquire.gpu.u32 %0, [%1];" : "=r"(value) : "l"(p) : "memory");
  return value;
}
__device__ __forceinline__ void store_release(unsigned* p, unsigned value) {
  asm volatile("st.release.gpu.u32 [%0], %1;" ::"l"(p), "r"(value) : "memory");
}
__device__ __forceinline__ void red_release_add(unsigned* p, unsigned value) {
  asm volatile("red.release.gpu.add.u32 [%0], %1;" ::"l"(p), "r"(value) : "memory");
}
/// What *p was; both a release and an acquire: for the block that comes last and goes on with what the others left.
__device__ __forceinline__ unsigned fetch_add_acq_rel(unsigned* p, unsigned value) {
  unsigned before;
  asm volatile("atom.acq_rel.gpu.add.u32 %0, [%1], %2;" : "=r"(before) : "l"(p), "r"(value) : "memory");
  return before;
}

}  // namespace cudet
