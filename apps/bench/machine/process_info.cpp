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

/// 1e6 bytes, of a line of /proc/self/status; 0 where there is none.
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

double process_age_ms(const std::string& stat, double tick, double since_boot, double computed) {
  // "1234 (name) R …": the name may hold anything; behind it the start is the 20th word, in ticks since the boot.
  std::istringstream words(stat.substr(std::min(stat.size(), stat.rfind(')') + 1)));
  std::string skipped;
  for (int i = 0; i < 19; ++i) words >> skipped;
  double ticks = 0;
  if (!(words >> ticks)) return computed;
  const double most = since_boot - ticks * tick;
  return std::clamp(computed, most - tick, most);
}

double peak_memory_mb() {
  // Not getrusage's ru_maxrss where it can be helped: that holds what the parent had when it forked, too.
  if (const double peak = status_mb("VmHWM:")) return peak;
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) * 1024e-6;
}

double resident_memory_mb() {
  return status_mb("VmRSS:");
}

}  // namespace cudet::bench
