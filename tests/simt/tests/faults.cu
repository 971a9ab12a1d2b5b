#include "kernels/ptx.cuh"
#include "tests/simt/tests/faults.h"

namespace cudet::test {
namespace {

__global__ void __launch_bounds__(kThreads)
    reverse_twice_kernel(Flaw flaw, const float* in, float* out, unsigned* flag) {
  float* const shared = reinterpret_cast<float*>(shared_memory());  // [3][kThreads]
  const unsigned t = threadIdx.x, at = blockIdx.x * kThreads;
  unsigned fragment[4];

  // First reversal: cp.async in two groups, read back in reverse order.
  if (t < kThreads / 8 && flaw != Flaw::unwritten_shared) {
    cp_async_16(shared_address(shared + 4 * t), in + at + 4 * t);
    cp_async_commit();
    cp_async_16(shared_address(shared + 64 + 4 * t), in + at + 64 + 4 * t);
    cp_async_commit();
    if (flaw == Flaw::wait_for_older)
      cp_async_wait<1>();
    else if (flaw != Flaw::no_wait)
      cp_async_wait<0>();
  }
  if (flaw == Flaw::divergent_barrier ? t < 64 : flaw != Flaw::no_barrier) __syncthreads();
  float value = shared[kThreads - 1 - t];
  if (flaw != Flaw::no_second_barrier) __syncthreads();

  // Second reversal: the order of the warps, then of the lanes within each warp.
  shared[t] = value;
  __syncthreads();
  float* const lanes = shared + kThreads + t / 32 * 32;
  lanes[t % 32] = shared[kThreads - 32 - t / 32 * 32 + t % 32];
  if (flaw != Flaw::no_warp_sync) __syncwarp();
  value = lanes[31 - t % 32];

  switch (flaw) {
    case Flaw::early_return:
      if (t == 77) return;
      __syncthreads();
      break;
    case Flaw::two_barriers:
      if (t < 32)
        __syncthreads();
      else
        __syncthreads();
      break;
    case Flaw::half_warp_shuffle:
      if (t % 32 < 16) value += 0 * __shfl_xor_sync(0xffffffff, value, 1);
      break;
    case Flaw::lane_outside_mask:
      value += 0 * __shfl_xor_sync(0xfffffffe, value, 1);
      break;
    case Flaw::polls_forever:
      while (load_acquire(flag) == 0) {
      }
      break;
    case Flaw::writes_past_end:
      if (blockIdx.x == gridDim.x - 1 && t == 3) out[at + kThreads + 5] = value;
      break;
    case Flaw::writes_before:
      if (blockIdx.x == 0 && t == 3) out[-1] = value;
      break;
    case Flaw::writes_past_shared:
      shared[3 * kThreads + t / 4] = value;
      break;
    case Flaw::copies_past_shared:
      if (t == 40) cp_async_16(shared_address(shared + 3 * kThreads), in);
      break;
    case Flaw::ldmatrix_past_shared:
      ldmatrix_x4(fragment, shared_address(shared + 3 * kThreads - 28 * 4) + t % 32 * 16);
      value += 0 * static_cast<float>(fragment[0]);
      break;
    case Flaw::misaligned_copy:
      if (t == 40) cp_async_16(shared_address(shared), in + 1);
      break;
    case Flaw::unwritten_global:
      value += 0 * out[at + t];
      break;
    default:
      break;
  }

  // The other blocks wait for block 0.
  if (t == 0) {
    if (blockIdx.x == 0)
      store_release(flag, 2);
    else if (flaw != Flaw::no_acquire_order)
      while (load_acquire(flag) == 0) {
      }
    if (blockIdx.x != 0) value += 0 * static_cast<float>(*flag == 2 ? 0 : __int_as_float(0x7fffffff));
  }
  out[at + t] = value;
}

}  // namespace

void reverse_twice(const CudaStream& on, Flaw flaw, int blocks, const float* in, float* out, unsigned* flag) {
  launch("reverse twice", on, blocks, 3 * kThreads * sizeof(float), reverse_twice_kernel, flaw, in, out, flag);
}

}  // namespace cudet::test
