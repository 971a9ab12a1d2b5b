// The machine: its name and peak, and whether it is quiet enough for reliable times.
#pragma once
#include <istream>
#include <string>

#include "apps/bench/report/report.h"

namespace cudet::bench {

/// Maximum spread of the times of equal work, (p90 - p10) / p50, on a quiet machine. Interrupts and clock speeds that
/// follow the temperature cause a spread of 1 to 3 %. A single competing process on one core raises p90 by half. Useful
/// speedups are often 5 to 10 %, so a larger spread hides them.
constexpr double kMaxSpread = 0.1;

/// Measures the processor with `threads` threads, in about half a second; `gpu` stays empty. Allocates up to 1 GiB
/// meanwhile (peak.h), so measure the peak memory of a network before. Throws Error if out of memory.
Machine measure_machine(int threads);

/// Returns the processor's name from the text of /proc/cpuinfo: "model name", or the fields that boards have instead.
/// Empty if there is none.
std::string processor_name(std::istream& cpuinfo);

/// What repeated runs of a fixed amount of work on registers show about other load on the machine.
struct Disturbance {
  double p10, p90;  // of the times, divided by their median
  double own;       // average number of cores that the work's threads used
  double wanted;    // number of cores that they could use: one per thread, at most `cores`
  double others;    // average number of cores that everything else used
  int cores;
};

/// Returns one line that says why times are unreliable, or an empty string if they are reliable.
std::string why_busy(const Disturbance&);

}  // namespace cudet::bench
