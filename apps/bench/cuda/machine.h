// The CUDA device: its name and peak, and whether its times are reliable.
#pragma once
#include <string>

#include "apps/bench/report/report.h"
#include "runtime/cudet.h"

namespace cudet::bench {

/// Measures the calling thread's current CUDA device and replaces the processor's values in `machine`: sets the
/// device's name, its peak of multiply-adds in this precision (fp16: mma.sync with fp32 accumulation), the bandwidth of
/// copies within its memory, the noise, and `busy` if times are unreliable. Throws Error if there is no device or it
/// does not support the precision.
void measure_cuda_machine(Machine& machine, Precision precision);

/// Returns why times on a device with this name (from CUDA) are meaningless, or an empty string if they are not: it is
/// a simulated device.
std::string why_no_times(const std::string& device);
/// As above, for the current device.
std::string why_no_times();

}  // namespace cudet::bench
