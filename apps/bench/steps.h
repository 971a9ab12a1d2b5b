// The steps of a network one by one, on the CPU.
#pragma once
#include <string>
#include <vector>

#include "apps/bench/report/report.h"
#include "runtime/cudet.h"
#include "runtime/program.h"

namespace cudet::bench {

/// A step with its times, what it has to do, and how far from the machine's roofline it is. Steps may do better
/// than the roofline: bandwidth is memory's, and tensors may lie in caches; operations are the operator's, and a kernel
/// may need fewer (Winograd).
Measurement measurement_of(std::string name, const Step& step, Times times, const Machine& machine);

/// Runs the whole network as the CPU executor does, `runs` times after `warmup`, the clock read around each step: so
/// each finds in the caches what the one before left there. Reading it costs some 50 ns a step. The network's input is
/// the picture (picture.h) letterboxed into `input`, which is rounded up to whole strides. Throws Error.
std::vector<Measurement> measure_steps(const Model& model, Precision precision, Size input, int batch, int threads,
                                       int warmup, int runs, const Machine& machine);

}  // namespace cudet::bench
