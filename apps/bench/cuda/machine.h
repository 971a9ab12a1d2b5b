// The CUDA device that is measured on, and whether its times mean something.
#pragma once
#include <string>

#include "apps/bench/report/report.h"
#include "runtime/cudet.h"

namespace cudet::bench {

/// Puts the calling thread's current CUDA device into `machine`, in place of what the processor can do: its name, its
/// multiply-adds in this precision (fp16: of mma.sync, sums in fp32), the bandwidth of copies within its memory, each
/// measured, and how much equal work differed; where times mean little, why. Throws Error where there is no device, or
/// it lacks the precision.
void measure_cuda_machine(Machine& machine, Precision precision);

/// Why times mean nothing on a device of this name, as CUDA tells it; empty where they mean something.
std::string why_no_times(const std::string& device);
/// The same of the current device.
std::string why_no_times();

}  // namespace cudet::bench
