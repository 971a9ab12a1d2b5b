#include "apps/bench/machine/process_info.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <fstream>
#include <sstream>
#include <string>

namespace cudet::bench {
namespace {

double milliseconds(clockid_t clock) {
  timespec t{};
  clock_gettime(clock, &t);
  return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_nsec) * 1e-6;
}

/// The value of a line of /proc/self/status in 1e6 bytes; 0 if there is no such line.
double status_mb(const char* name) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;)
    if (double kib = 0; word == name && status >> kib) return kib * 1024e-6;
  return 0;
}

}  // namespace

double process_age_ms() {
  std::string stat;
  std::getline(std::ifstream("/proc/self/stat"), stat);
  return process_age_ms(stat, 1e3 / static_cast<double>(sysconf(_SC_CLK_TCK)), milliseconds(CLOCK_BOOTTIME),
                        milliseconds(CLOCK_PROCESS_CPUTIME_ID));
}

double process_age_ms(const std::string& stat, double tick, double since_boot, double cpu_time) {
  // "1234 (name) R …": the name may contain anything. The 20th word after it is the start time in ticks since boot.
  std::istringstream words(stat.substr(std::min(stat.size(), stat.rfind(')') + 1)));
  std::string skipped;
  for (int i = 0; i < 19; ++i) words >> skipped;
  double ticks = 0;
  if (!(words >> ticks)) return cpu_time;
  const double max_age = since_boot - ticks * tick;
  return std::clamp(cpu_time, max_age - tick, max_age);
}

double peak_memory_mb() {
  // ru_maxrss of getrusage is only the fallback: it includes the memory that the parent had when it forked.
  if (const double peak = status_mb("VmHWM:")) return peak;
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) * 1024e-6;
}

double resident_memory_mb() {
  return status_mb("VmRSS:");
}

}  // namespace cudet::bench
