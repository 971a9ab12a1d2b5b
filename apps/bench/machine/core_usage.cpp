#include "apps/bench/machine/core_usage.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <fstream>
#include <sstream>
#include <string>

namespace cudet::bench {
namespace {

/// Seconds that these cores were busy since boot, from the lines "cpu3 USER NICE SYSTEM IDLE IOWAIT IRQ SOFTIRQ STEAL
/// …" of /proc/stat, which count ticks.
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

CoreUsage::CoreUsage(std::vector<int> cores) : cores_(std::move(cores)), start_(read()) {}

CoreUsage::Reading CoreUsage::read() const {
  return {std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(), process_seconds(),
          busy_seconds(cores_)};
}

double CoreUsage::own() const {
  const Reading now = read();
  return (now.own - start_.own) / (now.wall - start_.wall);
}

double CoreUsage::others() const {
  const Reading now = read();
  return std::max(0.0, (now.all - start_.all) - (now.own - start_.own)) / (now.wall - start_.wall);
}

}  // namespace cudet::bench
