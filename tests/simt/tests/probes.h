// Kernels that show what an instruction does, lane by lane. Pointers are to device memory.
#pragma once
#include "kernels/launch.cuh"

namespace cudet::test {

constexpr int kWarpProbes = 12, kHalfProbes = 12, kAtomicProbes = 9;

/// out[kWarpProbes][kThreads]: shuffles and votes over in[kThreads], in the order of the test's oracle.
void probe_warp(const CudaStream&, const unsigned* in, unsigned* out);
/// out[4][32]: the result of ldmatrix x4 for in[32][8 words], where each row of 8x8 matrices is half a row.
void probe_ldmatrix(const CudaStream&, const unsigned* in, unsigned* out);
/// d[blocks][16][8] += a[blocks][16][16] * b[blocks][8][16], its columns; a, b f16.
void probe_mma(const CudaStream&, int blocks, const unsigned short* a, const unsigned short* b, float* d);
/// out[kHalfProbes][n]: f16 arithmetic over a, b, c, in the order of the test's oracle.
void probe_half(const CudaStream&, int n, const unsigned short* a, const unsigned short* b, const unsigned short* c,
                unsigned short* out);
/// to[f16] and back[f32]: __float2half_rn of f[n], __half2float of all 65,536 f16.
void probe_conversions(const CudaStream&, int n, const float* f, unsigned short* to, float* back);
/// out[n] = in[n] through a ring of three stages in shared memory; of each 16 bytes only `bytes` are read, the rest is
/// 0.
void probe_cp_async(const CudaStream&, int n, int bytes, const unsigned* in, unsigned* out);
/// counters[kAtomicProbes], from the test's start values on: atomics by blocks * kThreads threads.
void probe_atomics(const CudaStream&, int blocks, unsigned* counters, float* sum);
/// total[0]: the sum of in[n], by whichever block comes last; total[1]: blocks with an odd element. `ticket`: 0 before.
void probe_reduce(const CudaStream&, int blocks, int n, const unsigned* in, unsigned* partial, unsigned* total,
                  unsigned* ticket);
/// values[2][blocks]: `rounds` times each block adds its neighbours' values, all blocks at once. `arrivals`: 0 before.
void probe_grid_barrier(const CudaStream&, int blocks, int rounds, unsigned* values, unsigned* arrivals);
/// values[i] = values[i - 1] + 1, each block waiting for the one before. `flags`[blocks]: 0 before.
void probe_chain(const CudaStream&, int blocks, unsigned* values, unsigned* flags);
/// out[i] = f(in[i]), n values.
void probe_negate(const CudaStream&, int n, const float* in, float* out);
/// `times` mma and two ldmatrix each, by `blocks` blocks of four warps: how fast does the device go?
void probe_speed(const CudaStream&, int blocks, int times, float* out);

}  // namespace cudet::test
