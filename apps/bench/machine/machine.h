// The machine that is measured on, and whether it is quiet enough for times to mean something.
#pragma once
#include <istream>
#include <string>

#include "apps/bench/report/report.h"

namespace cudet::bench {

/// Where equal work differs by more than this share (p90 - p10, over the median), a difference tells nothing: on a
/// quiet machine it differs by 1 to 3 %, by interrupts and by clocks that follow the heat; one competitor on one core
/// moves the 90th percentile by a half; gains worth having are often 5 to 10 %.
constexpr double kMostSpread = 0.1;

/// Measures the processor on `threads` threads, in about half a second; `gpu` stays empty. Takes up to 1 GiB of memory
/// meanwhile (peak.h), so the peak memory of a network is measured before. Throws Error where there is no memory.
Machine measure_machine(int threads);

/// The processor's name in what /proc/cpuinfo holds: "model name", or what boards write in its place. Empty where there
/// is none.
std::string processor_name(std::istream& cpuinfo);

/// How a fixed amount of work on registers alone fared, when run over and over.
struct Disturbance {
  double p10, p90;  // of its times, over their median
  double own;       // cores' worth of time that its threads had, of `wanted`
  double wanted;    // a core for each thread, as far as there are cores
  double others;    // cores' worth of time that others had, of `cores`
  int cores;
};

/// One line that says why times mean little; empty where they mean something.
std::string why_busy(const Disturbance&);

}  // namespace cudet::bench
