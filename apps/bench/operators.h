// Single operators on the CPU: each kernel that there is for one, and how far it is from the reference.
#pragma once
#include <vector>

#include "apps/bench/report/report.h"
#include "runtime/program.h"

namespace cudet::bench {

/// The kernels for a step that parse_step (runtime/step.h) made, on values from a fixed seed: the reference, in one
/// thread, `runs` times or for a second; the others on `threads` threads, `runs` times after `warmup`. Each finds its
/// tensors where its last run left them, in the caches if they fit. Errors are those of all outputs. A convolution that
/// would take the reference longer than a second or two is not run by it, and errors are those of its first pixels.
/// Throws Error where there is no memory.
std::vector<Measurement> measure_operator(const Step& step, int threads, int warmup, int runs, const Machine& machine);

/// The largest difference over the largest magnitude of `want`; infinite where either has a NaN, or where `want` is
/// zeros and `got` is not.
double error_of(const float* got, const float* want, std::size_t count);

}  // namespace cudet::bench
