#include "apps/bench/machine/machine.h"

#include <sys/utsname.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>

#include "apps/bench/machine/core_usage.h"
#include "apps/bench/machine/peak.h"
#include "apps/bench/report/sample_statistics.h"
#include "runtime/cpu/cores.h"

namespace cudet::bench {
namespace {

constexpr double kWorkMilliseconds = 2;  // less than a scheduler's slice: what has to share a core shows
constexpr int kWarmup = 10;              // while clocks rise
constexpr int kRuns = 100;

constexpr double kLeastShare = 0.9;   // of the time that the threads asked for; waiting for each other takes up to 3 %
constexpr double kMostOthers = 0.15;  // of all cores; in half a second, ticks of 10 ms leave 0.06 of each open

std::string processor() {
  std::ifstream cpuinfo("/proc/cpuinfo");
  std::string name = processor_name(cpuinfo);
  if (name.empty()) std::getline(std::ifstream("/proc/device-tree/model"), name, '\0');  // boards
  utsname system{};
  if (name.empty() && uname(&system) == 0) name = system.machine;
  return name;
}

}  // namespace

std::string processor_name(std::istream& cpuinfo) {
  std::map<std::string, std::string> values;  // "model name\t: AMD EPYC", of the first core
  for (std::string line; std::getline(cpuinfo, line);) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::string key = line.substr(0, line.find_last_not_of(" \t", colon - 1) + 1);
    const std::size_t value = line.find_first_not_of(" \t", colon + 1);
    values.emplace(key, value == std::string::npos ? "" : line.substr(value));
  }
  for (const char* key : {"model name", "Model", "Hardware"})
    if (!values[key].empty()) return values[key];
  // Arm's servers have numbers alone.
  if (const std::string& part = values["CPU part"]; !part.empty())
    return "CPU implementer " + values["CPU implementer"] + ", part " + part;
  return "";
}

std::string why_busy(const Disturbance& d) {
  char line[200] = "";
  if (d.others > kMostOthers * d.cores)
    std::snprintf(line, sizeof line, "something else used %.1f of the %d cores", d.others, d.cores);
  else if (d.own < kLeastShare * d.wanted)
    std::snprintf(
        line, sizeof line,
        "the threads had %.0f %% of the time that they wanted: something else is running, or a quota holds them",
        100 * d.own / d.wanted);
  else if (d.p90 - d.p10 > kMostSpread)
    std::snprintf(line, sizeof line, "equal work took %.2f to %.2f times its median: something else is running", d.p10,
                  d.p90);
  return line;
}

Machine measure_machine(int threads) {
  const std::vector<int> cores = usable_cores();
  const CoreUse whole(cores);
  ThreadPool pool(threads);
  MultiplyAdds work(pool, kWorkMilliseconds);
  for (int i = 0; i < kWarmup; ++i) work.run();
  const CoreUse of_work(cores);
  std::vector<double> times(kRuns);
  for (double& time : times) time = work.run();

  const double own = of_work.own();
  const double bandwidth = read_bandwidth_gbs(pool);
  const double others = whole.others();

  const int count = static_cast<int>(cores.size());
  const double p50 = quantile(times, 0.5);
  Machine machine{};
  machine.processor = processor();
  machine.cores = count;
  machine.instructions = instruction_set();
  machine.peak_gflops = work.gflop() / quantile(times, 0) * 1e3;
  machine.bandwidth_gbs = bandwidth;
  machine.noise = noise_of(times);
  machine.busy = why_busy({.p10 = quantile(times, 0.1) / p50,
                           .p90 = quantile(times, 0.9) / p50,
                           .own = own,
                           .wanted = static_cast<double>(std::min(threads, count)),
                           .others = others,
                           .cores = count});
  return machine;
}

}  // namespace cudet::bench
