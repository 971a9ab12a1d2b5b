// What the system knows of this process.
#pragma once
#include <string>

namespace cudet::bench {

/// Milliseconds since the process began, which was when its parent forked it. The system keeps that moment to 10 ms
/// only. Within these, the CPU time that the process has used is taken: exact where one thread has computed all the
/// while, as at the top of a program whose files are cached; else up to 10 ms less than the truth, never more than it.
/// Without /proc: the CPU time.
double process_age_ms();

/// The same from the text of /proc/self/stat and, in milliseconds, the system's tick, the time since it was booted and
/// the process's CPU time.
double process_age_ms(const std::string& stat, double tick, double since_boot, double computed);

/// 1e6 bytes: the most resident memory since the program's start, libraries and what the kernel maps for it included.
double peak_memory_mb();

/// 1e6 bytes: what of that is resident now. Without /proc: 0.
double resident_memory_mb();

}  // namespace cudet::bench
