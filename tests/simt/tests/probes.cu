#include <cuda_fp16.h>

#include "kernels/ptx.cuh"
#include "tests/simt/tests/grid_barrier.cuh"
#include "tests/simt/tests/probes.h"

namespace cudet::test {
namespace {

constexpr unsigned kAll = 0xffffffff;

__global__ void __launch_bounds__(kThreads) warp_kernel(const unsigned* in, unsigned* out) {
  const unsigned t = threadIdx.x, lane = t % 32, v = in[t];
  unsigned* to = out + t;
  const auto put = [&](unsigned value) {
    *to = value;
    to += kThreads;
  };
  put(__shfl_sync(kAll, v, (lane * 7 + 3) % 32));
  put(__shfl_sync(kAll, v, 5, 8));
  put(__shfl_up_sync(kAll, v, 3));
  put(__shfl_up_sync(kAll, v, 1, 8));
  put(__shfl_down_sync(kAll, v, 3, 16));
  put(__shfl_xor_sync(kAll, v, 5));
  put(__shfl_xor_sync(kAll, v, 12, 8));
  put(__ballot_sync(kAll, v & 1));
  put(static_cast<unsigned>(__any_sync(kAll, v == in[t / 32 * 32 + 9]) + 2 * __any_sync(kAll, v == 0)));
  put(static_cast<unsigned>(__all_sync(kAll, v < 1000) + 2 * __all_sync(kAll, v & 1)));
  if (lane < 16)  // the halves of a warp diverge
    put(__ballot_sync(0x0000ffff, v & 2));
  else
    put(__shfl_sync(0xffff0000, v, 20));
  put(__float_as_uint(__shfl_xor_sync(kAll, static_cast<float>(v), 16)));
}

__global__ void __launch_bounds__(kThreads) ldmatrix_kernel(const unsigned* in, unsigned* out) {
  unsigned* const shared = reinterpret_cast<unsigned*>(shared_memory());  // 32 rows of 32 bytes
  const unsigned t = threadIdx.x;
  for (unsigned i = t; i < 32 * 8; i += kThreads) shared[i] = in[i];
  __syncthreads();
  if (t >= 32) return;
  const unsigned row = shared_address(shared) + t * 32 + t % 2 * 16;  // rows need not be contiguous
  unsigned r[4];
  ldmatrix_x4(r, row);
  for (int i = 0; i < 4; ++i) out[i * 32 + t] = r[i];
}

__global__ void __launch_bounds__(kThreads) mma_kernel(const unsigned short* a, const unsigned short* b, float* d) {
  unsigned* const shared =
      reinterpret_cast<unsigned*>(shared_memory());  // a: 16 rows of 8 words; b: 8 columns of 8 words
  a += blockIdx.x * 16 * 16;
  b += blockIdx.x * 8 * 16;
  d += blockIdx.x * 16 * 8;
  const unsigned t = threadIdx.x;
  shared[t] = reinterpret_cast<const unsigned*>(a)[t];
  if (t < 64) shared[kThreads + t] = reinterpret_cast<const unsigned*>(b)[t];
  __syncthreads();
  if (t >= 32) return;
  unsigned ra[4], rb[4];  // rb: b, twice
  ldmatrix_x4(ra, shared_address(shared) + t % 16 * 32 + t / 16 * 16);
  ldmatrix_x4(rb, shared_address(shared + kThreads) + t % 8 * 32 + t / 8 % 2 * 16);
  float* const corner = d + t / 4 * 8 + t % 4 * 2;
  float sum[4] = {corner[0], corner[1], corner[64], corner[65]};
  mma_m16n8k16(sum, ra, {rb[0], rb[1]});
  for (int i = 0; i < 4; ++i) corner[i / 2 * 64 + i % 2] = sum[i];
}

__global__ void __launch_bounds__(kThreads) half_kernel(int n, const unsigned short* a_, const unsigned short* b_,
                                                        const unsigned short* c_, unsigned short* out) {
  const int i = static_cast<int>(blockIdx.x) * kThreads + static_cast<int>(threadIdx.x);
  if (i >= n) return;
  const __half a = __ushort_as_half(a_[i]), b = __ushort_as_half(b_[i]), c = __ushort_as_half(c_[i]);
  const __half2 a2 = __halves2half2(a, b), b2 = __halves2half2(b, c), c2 = __half2half2(c);
  const float2 both = __half22float2(__hfma2(a2, b2, c2));
  const __half results[kHalfProbes] = {__hadd(a, b),
                                       __hsub(a, b),
                                       __hmul(a, b),
                                       __hdiv(a, b),
                                       __hfma(a, b, c),
                                       __hmax(a, b),
                                       __hmin(a, b),
                                       __low2half(__hadd2(a2, b2)),
                                       __high2half(__hmul2(a2, b2)),
                                       __float2half_rn(both.x),
                                       __float2half_rn(both.y),
                                       __high2half(__floats2half2_rn(0.f, __half2float(a) * __half2float(b) * 0.25f))};
  for (int r = 0; r < kHalfProbes; ++r) out[r * n + i] = __half_as_ushort(results[r]);
}

__global__ void __launch_bounds__(kThreads) conversions_kernel(int n, const float* f, unsigned short* to, float* back) {
  const int first = static_cast<int>(blockIdx.x) * kThreads + static_cast<int>(threadIdx.x);
  for (int i = first; i < n; i += static_cast<int>(gridDim.x) * kThreads)
    to[i] = __half_as_ushort(__float2half_rn(f[i]));
  for (int i = first; i < 65536; i += static_cast<int>(gridDim.x) * kThreads)
    back[i] = __half2float(__ushort_as_half(static_cast<unsigned short>(i)));
}

__global__ void __launch_bounds__(kThreads) cp_async_kernel(int n, int bytes, const unsigned* in, unsigned* out) {
  constexpr int kStages = 3, kWords = 4 * kThreads;  // per stage
  unsigned* const shared = reinterpret_cast<unsigned*>(shared_memory());
  const int t = static_cast<int>(threadIdx.x), blocks = static_cast<int>(gridDim.x);
  const int tiles = (n + kWords - 1) / kWords, own = (tiles + blocks - 1 - static_cast<int>(blockIdx.x)) / blocks;
  const auto tile_start = [&](int i) { return (static_cast<int>(blockIdx.x) + i * blocks) * kWords; };
  const auto start = [&](int i) {
    const int at = tile_start(i) + 4 * t;
    if (i < own)
      cp_async_16(shared_address(shared + i % kStages * kWords + 4 * t), at < n ? in + at : in, at < n ? bytes : 0);
    cp_async_commit();
  };
  for (int i = 0; i < kStages - 1; ++i) start(i);
  for (int i = 0; i < own; ++i) {
    cp_async_wait<kStages - 2>();
    __syncthreads();  // all copies of this tile are visible, and no thread reads the stage that is overwritten next
    start(i + kStages - 1);
    for (int w = t; w < kWords; w += kThreads)
      if (tile_start(i) + w < n) out[tile_start(i) + w] = shared[i % kStages * kWords + w];
  }
}

__global__ void __launch_bounds__(kThreads) atomics_kernel(unsigned* c, float* sum) {
  const unsigned i = blockIdx.x * kThreads + threadIdx.x;
  atomicAdd(&c[0], i);
  atomicMax(&c[1], i ^ 0x55);
  atomicMin(&c[2], i ^ 0x55);
  atomicOr(&c[3], 1u << i % 32);
  atomicAnd(&c[4], ~(1u << i % 7));
  atomicXor(&c[5], i);
  while (atomicCAS(&c[6], i, i + 1) != i) {  // thread i increments it after thread i - 1
  }
  if (atomicExch(&c[7], i + 1) != 0) atomicAdd(&c[8], 1u);
  atomicAdd(sum, 0.5f);
}

__global__ void __launch_bounds__(kThreads)
    reduce_kernel(int n, const unsigned* in, unsigned* partial, unsigned* total, unsigned* ticket) {
  unsigned* const shared = reinterpret_cast<unsigned*>(shared_memory());  // kThreads
  const unsigned t = threadIdx.x;
  unsigned sum = 0;
  int odd = 0;
  for (unsigned i = blockIdx.x * kThreads + t; i < static_cast<unsigned>(n); i += gridDim.x * kThreads) {
    sum += in[i];
    odd += static_cast<int>(in[i] & 1);
  }
  shared[t] = sum;
  const int threads_with_odd = __syncthreads_count(odd != 0);
  for (unsigned step = kThreads / 2; step > 0; step /= 2) {
    if (t < step) shared[t] += shared[t + step];
    __syncthreads();
  }
  if (t == 0) {
    if (threads_with_odd > 0) atomicAdd(&total[1], 1u);
    partial[blockIdx.x] = shared[0];
  }
  const bool last = t == 0 && fetch_add_acq_rel(ticket, 1) == gridDim.x - 1;
  if (__syncthreads_or(last) == 0) return;
  if (t == 0) {
    unsigned all = 0;
    for (unsigned b = 0; b < gridDim.x; ++b) all += partial[b];
    total[0] = all;
  }
}

__global__ void __launch_bounds__(kThreads) grid_barrier_kernel(int rounds, unsigned* values, unsigned* arrivals) {
  const unsigned n = gridDim.x, b = blockIdx.x;
  for (int round = 0; round < rounds; ++round) {
    const unsigned* const from = values + (round % 2 == 0 ? 0 : n);
    unsigned* const to = values + (round % 2 == 0 ? n : 0);
    if (threadIdx.x == kThreads - 1) to[b] = from[(b + 1) % n] + from[(b + n - 1) % n];
    grid_barrier(arrivals);
  }
}

__global__ void __launch_bounds__(kThreads) chain_kernel(unsigned* values, unsigned* flags) {
  const unsigned b = blockIdx.x;
  if (threadIdx.x != 0) return;
  if (b > 0)
    while (load_acquire(&flags[b - 1]) == 0) {
    }
  values[b] = b > 0 ? values[b - 1] + 1 : 1;
  if (b % 2 == 0)
    store_release(&flags[b], 1);
  else
    red_release_add(&flags[b], 1);
}

__global__ void __launch_bounds__(kThreads) negate_kernel(int n, const float* in, float* out) {
  for (int i = static_cast<int>(blockIdx.x) * kThreads + static_cast<int>(threadIdx.x); i < n;
       i += static_cast<int>(gridDim.x) * kThreads)
    out[i] = -__ldg(in + i);
}

__global__ void __launch_bounds__(kThreads) speed_kernel(int times, float* out) {
  unsigned* const shared = reinterpret_cast<unsigned*>(shared_memory());  // 2 KB
  for (unsigned i = threadIdx.x; i < 512; i += kThreads) shared[i] = 0x3c003c00 + (i % 3 << 8);
  __syncthreads();
  unsigned a[4], b[4];
  float d[2][4] = {};
  const unsigned row = shared_address(shared) + threadIdx.x % 32 * 16;
  for (int i = 0; i < times; i += 2) {
    ldmatrix_x4(a, row);
    ldmatrix_x4(b, row + 512);
    mma_m16n8k16(d[0], a, {b[0], b[1]});
    mma_m16n8k16(d[1], a, {b[2], b[3]});
  }
  out[blockIdx.x * kThreads + threadIdx.x] = d[0][0] + d[0][1] + d[0][2] + d[1][3];
}

int blocks_for(int n) {
  return (n + kThreads - 1) / kThreads;
}

}  // namespace

void probe_warp(const CudaStream& on, const unsigned* in, unsigned* out) {
  launch("warp", on, 1, 0, warp_kernel, in, out);
}
void probe_ldmatrix(const CudaStream& on, const unsigned* in, unsigned* out) {
  launch("ldmatrix", on, 1, 32 * 32, ldmatrix_kernel, in, out);
}
void probe_mma(const CudaStream& on, int blocks, const unsigned short* a, const unsigned short* b, float* d) {
  launch("mma", on, blocks, 768, mma_kernel, a, b, d);
}
void probe_half(const CudaStream& on, int n, const unsigned short* a, const unsigned short* b, const unsigned short* c,
                unsigned short* out) {
  launch("half", on, blocks_for(n), 0, half_kernel, n, a, b, c, out);
}
void probe_conversions(const CudaStream& on, int n, const float* f, unsigned short* to, float* back) {
  launch("conversions", on, 8, 0, conversions_kernel, n, f, to, back);
}
void probe_cp_async(const CudaStream& on, int n, int bytes, const unsigned* in, unsigned* out) {
  launch("cp.async", on, 2, 3 * 16 * kThreads, cp_async_kernel, n, bytes, in, out);
}
void probe_atomics(const CudaStream& on, int blocks, unsigned* counters, float* sum) {
  launch("atomics", on, blocks, 0, atomics_kernel, counters, sum);
}
void probe_reduce(const CudaStream& on, int blocks, int n, const unsigned* in, unsigned* partial, unsigned* total,
                  unsigned* ticket) {
  launch("reduce", on, blocks, 4 * kThreads, reduce_kernel, n, in, partial, total, ticket);
}
void probe_grid_barrier(const CudaStream& on, int blocks, int rounds, unsigned* values, unsigned* arrivals) {
  launch_together("grid barrier", on, blocks, grid_barrier_kernel, rounds, values, arrivals);
}
void probe_chain(const CudaStream& on, int blocks, unsigned* values, unsigned* flags) {
  launch_together("chain", on, blocks, chain_kernel, values, flags);
}
void probe_negate(const CudaStream& on, int n, const float* in, float* out) {
  launch("negate", on, 3, 0, negate_kernel, n, in, out);
}
void probe_speed(const CudaStream& on, int blocks, int times, float* out) {
  launch("speed", on, blocks, 2048, speed_kernel, times, out);
}

}  // namespace cudet::test
