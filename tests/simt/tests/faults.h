// A kernel with one selectable flaw. It is correct without a flaw, so that what a test reports is the flaw.
#pragma once
#include "kernels/launch.cuh"

namespace cudet::test {

enum class Flaw {
  none,
  // found because the result is wrong, for some order of threads
  no_barrier,         // reads what other threads have not written to shared memory yet
  no_second_barrier,  // overwrites what other threads have not read yet
  no_warp_sync,       // the same within a warp
  no_wait,            // reads the destination of a cp.async in flight
  wait_for_older,     // waits for the first of two cp.async groups only
  no_acquire_order,   // reads another block's result without waiting for it
  unwritten_shared,
  unwritten_global,
  // found as faults of the kernel
  divergent_barrier,
  early_return,
  two_barriers,
  half_warp_shuffle,
  lane_outside_mask,
  polls_forever,
  writes_past_end,
  writes_before,
  writes_past_shared,
  copies_past_shared,
  ldmatrix_past_shared,
  misaligned_copy
};

/// out[blocks][kThreads] = in[blocks][kThreads]. Each block reverses its kThreads values twice, through shared memory,
/// with one flaw. flag[1] must be 0.
void reverse_twice(const CudaStream&, Flaw, int blocks, const float* in, float* out, unsigned* flag);

}  // namespace cudet::test
