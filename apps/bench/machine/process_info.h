// The age and the memory of this process, from /proc.
#pragma once
#include <string>

namespace cudet::bench {

/// Milliseconds since the process was forked. /proc gives that time in ticks of 10 ms only. Within the tick, the CPU
/// time of the process is used. The result is exact if one thread has computed all the time, as at the start of a
/// program whose files are cached; otherwise it is up to 10 ms too low, but never too high. Without /proc: the CPU
/// time.
double process_age_ms();

/// As above, from the text of /proc/self/stat and three values in milliseconds: the length of a tick, the time since
/// boot and the CPU time of the process.
double process_age_ms(const std::string& stat, double tick, double since_boot, double cpu_time);

/// Maximum resident memory since the start of the program in 1e6 bytes, including libraries and pages that the
/// kernel maps for it.
double peak_memory_mb();

/// Current resident memory in 1e6 bytes. Without /proc: 0.
double resident_memory_mb();

}  // namespace cudet::bench
