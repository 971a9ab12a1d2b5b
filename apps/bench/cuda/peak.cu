#include "apps/bench/cuda/peak.h"
#include "kernels/ptx.cuh"

namespace cudet::bench {
namespace {

constexpr int kChains = 16;                     // independent chains per thread, enough to hide the latency
constexpr int kProducts = 8;                    // independent products per warp, for the same reason
constexpr int kProductFlops = 2 * 16 * 8 * 16;  // of one mma.m16n8k16

__global__ void multiply_adds_f32(int iterations, float factor, float* sums) {
  const float start = static_cast<float>(threadIdx.x);
  float chain[kChains];
  for (int i = 0; i < kChains; ++i) chain[i] = start + static_cast<float>(i);
  for (int n = 0; n < iterations; ++n)
#pragma unroll
    for (int i = 0; i < kChains; ++i) chain[i] = fmaf(chain[i], factor, start);
  float sum = 0;
  for (int i = 0; i < kChains; ++i) sum += chain[i];
  sums[blockIdx.x * blockDim.x + threadIdx.x] = sum;  // without a use the compiler would remove the work
}

__global__ void multiply_adds_f16(int iterations, unsigned factors, float* sums) {
  const unsigned a[4] = {factors, factors, factors, factors}, b[2] = {factors, factors};
  float d[kProducts][4] = {};
  for (int n = 0; n < iterations; ++n)
#pragma unroll
    for (int i = 0; i < kProducts; ++i) mma_m16n8k16(d[i], a, b);
  float sum = 0;
  for (int i = 0; i < kProducts; ++i) sum += d[i][0] + d[i][1] + d[i][2] + d[i][3];
  sums[blockIdx.x * blockDim.x + threadIdx.x] = sum;
}

}  // namespace

double multiply_adds_cuda(Type type, int iterations, float* sums, const CudaStream& on) {
  const int blocks = on.multiprocessors * kPeakBlocksPerMultiprocessor;
  if (type == Type::f32) {
    launch("multiply-adds", on, blocks, 0, multiply_adds_f32, iterations, 0.5f, sums);
    return 2.0 * blocks * kThreads * kChains * iterations;
  }
  constexpr unsigned kHalves = 0x38003800;  // 0.5, 0.5
  launch("multiply-adds", on, blocks, 0, multiply_adds_f16, iterations, kHalves, sums);
  return 1.0 * blocks * kWarps * kProducts * kProductFlops * iterations;
}

}  // namespace cudet::bench
