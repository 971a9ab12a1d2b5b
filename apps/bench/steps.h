// Measures the steps of a network one by one on the CPU.
#pragma once
#include <string>
#include <vector>

#include "apps/bench/report/report.h"
#include "runtime/cudet.h"
#include "runtime/program.h"

namespace cudet::bench {

/// Returns a step's times with its work and its share of the machine's roofline. A step may exceed the roofline: its
/// tensors may be in caches, which are faster than memory, and its kernel may need fewer operations than the operator
/// counts (Winograd).
Measurement make_measurement(std::string name, const Step& step, Times times, const Machine& machine);

/// Runs the whole network as the CPU engine does, `runs` times after `warmup` runs, and times each step with the caches
/// as the previous step left them. Reading the clock costs about 50 ns per step. The network's input
/// is the benchmark image (benchmark_image.h) letterboxed into `input`, rounded up to whole strides. Throws Error.
std::vector<Measurement> measure_steps(const Model& model, Precision precision, Size input, int batch, int threads,
                                       int warmup, int runs, const Machine& machine);

}  // namespace cudet::bench
