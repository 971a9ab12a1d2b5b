// Kernels as people get them wrong. Each is right without its flaw, so what a test catches is the flaw.
#pragma once
#include "kernels/launch.cuh"

namespace cudet::test {

enum class Flaw {
  none,
  // found by what they compute, in one order of threads or another
  no_barrier,         // others' shared memory is read before they wrote it
  no_second_barrier,  // it is written again before they read it
  no_warp_sync,       // the same within a warp
  no_wait,            // copies of cp.async are read on their way
  wait_for_older,     // of two groups, only the first is waited for
  no_acquire_order,   // a block reads another's result without waiting for it
  unwritten_shared,
  unwritten_global,
  // found as faults
  divergent_barrier,
  early_return,
  two_barriers,
  half_a_warp,
  stray_lane,
  waits_for_nobody,
  writes_behind,
  writes_before,
  writes_behind_shared,
  copies_behind_shared,
  ldmatrix_behind_shared,
  misaligned_copy
};

/// out[blocks][kThreads] = in, each block's 128 values turned round twice, through shared memory; with one flaw.
/// `flag`: 0.
void turn_round(const CudaStream&, Flaw, int blocks, const float* in, float* out, unsigned* flag);

}  // namespace cudet::test
