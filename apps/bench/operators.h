// Benchmarks single operators on the CPU: every kernel of an operator, and its error.
#pragma once
#include <vector>

#include "apps/bench/report/report.h"
#include "runtime/program.h"

namespace cudet::bench {

/// Measures all kernels of a step that parse_step (runtime/step.h) returned, on values from a fixed seed. The reference
/// runs on one thread, `runs` times or for a second; the others run on `threads` threads, `runs` times after `warmup`
/// runs. Tensors stay in the caches between runs if they fit. Errors are relative to the reference's outputs. For a
/// convolution that would take the reference longer than a second or two, the reference is not timed, and errors are
/// those of the first pixels. Throws Error if there is not enough memory.
std::vector<Measurement> measure_operator(const Step& step, int threads, int warmup, int runs, const Machine& machine);

/// Returns the maximum difference divided by the maximum magnitude of `want`; infinity if either has a NaN, or if
/// `want` is all zeros and `got` is not.
double relative_error(const float* got, const float* want, std::size_t count);

}  // namespace cudet::bench
