#include "apps/bench/machine/core_usage.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

namespace cudet::bench {
namespace {

/// Seconds that these cores were busy since the system began: the lines "cpu3 USER NICE SYSTEM IDLE IOWAIT IRQ SOFTIRQ
/// STEAL …" of /proc/stat, in ticks.
double busy_seconds(const std::vector<int>& cores) {
  std::ifstream file("/proc/stat");
  double ticks = 0;
  for (std::string line; std::getline(file, line) && line.starts_with("cpu");) {
    std::istringstream words(line.substr(3));
    int core;
    if (line[3] == ' ' || !(words >> core) || std::find(cores.begin(), cores.end(), core) == cores.end()) continue;
    double user = 0, nice = 0, system = 0, idle = 0, waiting = 0, irq = 0, softirq = 0, steal = 0;
    words >> user >> nice >> system >> idle >> waiting >> irq >> softirq >> steal;
    ticks += user + nice + system + irq + softirq + steal;
  }
  return ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

double process_seconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

}  // namespace

std::size_t last_level_cache_bytes(const std::vector<int>& cores) {
  std::map<std::string, std::size_t> caches;  // by the cores that share one
  for (const int core : cores)
    for (int level = 4; level >= 0; --level) {
      const std::string folder =
          "/sys/devices/system/cpu/cpu" + std::to_string(core) + "/cache/index" + std::to_string(level) + "/";
      std::string sharing;
      std::size_t kilobytes = 0;
      std::ifstream(folder + "shared_cpu_list") >> sharing;
      std::ifstream(folder + "size") >> kilobytes;  // "32768K"
      if (kilobytes == 0) continue;
      caches[sharing] = kilobytes << 10;
      break;
    }
  std::size_t bytes = 0;
  for (const auto& [sharing, size] : caches) bytes += size;
  return bytes;
}

CoreUse::CoreUse(std::vector<int> cores) : cores_(std::move(cores)), start_(read()) {}

CoreUse::Reading CoreUse::read() const {
  return {std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(), process_seconds(),
          busy_seconds(cores_)};
}

double CoreUse::own() const {
  const Reading now = read();
  return (now.own - start_.own) / (now.wall - start_.wall);
}

double CoreUse::others() const {
  const Reading now = read();
  return std::max(0.0, (now.all - start_.all) - (now.own - start_.own)) / (now.wall - start_.wall);
}

}  // namespace cudet::bench
