// Kernels that record the result of single instructions, lane by lane. Pointers are to device memory.
#pragma once
#include "kernels/launch.cuh"

namespace cudet::test {

constexpr int kWarpProbes = 12, kHalfProbes = 12, kAtomicProbes = 9;

/// out[kWarpProbes][kThreads]: shuffles and votes over in[kThreads], in the order of `want` in the test.
void probe_warp(const CudaStream&, const unsigned* in, unsigned* out);
/// out[4][32]: result of ldmatrix x4 by lane, for in[32][8 words]. Each half of a row of `in` is one row of an 8x8
/// matrix.
void probe_ldmatrix(const CudaStream&, const unsigned* in, unsigned* out);
/// d[blocks][16][8] += a[blocks][16][16] * b[blocks][8][16]. a and b are f16; b is stored by columns.
void probe_mma(const CudaStream&, int blocks, const unsigned short* a, const unsigned short* b, float* d);
/// out[kHalfProbes][n]: f16 arithmetic over a, b, c, in the order of `want` in the test.
void probe_half(const CudaStream&, int n, const unsigned short* a, const unsigned short* b, const unsigned short* c,
                unsigned short* out);
/// to[n] (f16): __float2half_rn of f[n]. back[65536] (f32): __half2float of every f16.
void probe_conversions(const CudaStream&, int n, const float* f, unsigned short* to, float* back);
/// out[n] = in[n], copied by cp.async through a ring of three stages in shared memory. Of each 16 bytes only `bytes`
/// are read; the rest is 0.
void probe_cp_async(const CudaStream&, int n, int bytes, const unsigned* in, unsigned* out);
/// Atomics on counters[kAtomicProbes] and sum[1] by blocks * kThreads threads.
void probe_atomics(const CudaStream&, int blocks, unsigned* counters, float* sum);
/// total[0]: the sum of in[n], computed by the block that finishes last. total[1]: number of blocks with an odd
/// element. `ticket` must be 0.
void probe_reduce(const CudaStream&, int blocks, int n, const unsigned* in, unsigned* partial, unsigned* total,
                  unsigned* ticket);
/// values[2][blocks]: in each of `rounds` rounds every block adds its neighbours' values, with a grid barrier after
/// each round. `arrivals` must be 0.
void probe_grid_barrier(const CudaStream&, int blocks, int rounds, unsigned* values, unsigned* arrivals);
/// values[i] = values[i - 1] + 1; each block waits for the one before it. flags[blocks] must be 0.
void probe_chain(const CudaStream&, int blocks, unsigned* values, unsigned* flags);
/// out[n] = -in[n].
void probe_negate(const CudaStream&, int n, const float* in, float* out);
/// `times` times one mma and one ldmatrix.x4, by `blocks` blocks of four warps, to measure the speed of the device.
void probe_speed(const CudaStream&, int blocks, int times, float* out);

}  // namespace cudet::test
