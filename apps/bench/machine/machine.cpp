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

constexpr double kWorkMilliseconds = 2;  // shorter than a scheduler's time slice, so sharing a core spreads the times
constexpr int kWarmup = 10;              // until the clock speed has risen
constexpr int kRuns = 100;

// Minimum share of `wanted` that the threads must get. Waiting for each other costs up to 3 %.
constexpr double kMinShare = 0.9;
// Maximum share of all cores for others. In half a second, ticks of 10 ms cause an error of up to 0.06 per core.
constexpr double kMaxOthers = 0.15;

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
  std::map<std::string, std::string> values;  // of the first core, from lines like "model name\t: AMD EPYC"
  for (std::string line; std::getline(cpuinfo, line);) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::string key = line.substr(0, line.find_last_not_of(" \t", colon - 1) + 1);
    const std::size_t value = line.find_first_not_of(" \t", colon + 1);
    values.emplace(key, value == std::string::npos ? "" : line.substr(value));
  }
  for (const char* key : {"model name", "Model", "Hardware"})
    if (!values[key].empty()) return values[key];
  // Arm servers give only numbers.
  if (const std::string& part = values["CPU part"]; !part.empty())
    return "CPU implementer " + values["CPU implementer"] + ", part " + part;
  return "";
}

std::string why_busy(const Disturbance& d) {
  char line[200] = "";
  if (d.others > kMaxOthers * d.cores)
    std::snprintf(line, sizeof line, "other load used %.1f of the %d cores", d.others, d.cores);
  else if (d.own < kMinShare * d.wanted)
    std::snprintf(line, sizeof line,
                  "the threads got %.0f %% of the CPU time they need: other load or a CPU quota takes the rest",
                  100 * d.own / d.wanted);
  else if (d.p90 - d.p10 > kMaxSpread)
    std::snprintf(line, sizeof line, "equal work took %.2f to %.2f times its median: there is other load", d.p10,
                  d.p90);
  return line;
}

Machine measure_machine(int threads) {
  const std::vector<int> cores = usable_cores();
  const CoreUsage whole_usage(cores);
  ThreadPool pool(threads);
  MultiplyAdds work(pool, kWorkMilliseconds);
  for (int i = 0; i < kWarmup; ++i) work.run();
  const CoreUsage work_usage(cores);
  std::vector<double> times(kRuns);
  for (double& time : times) time = work.run();

  const double own = work_usage.own();
  const double bandwidth = read_bandwidth_gbs(pool);
  const double others = whole_usage.others();

  const int count = static_cast<int>(cores.size());
  const double p50 = quantile(times, 0.5);
  Machine machine{};
  machine.processor = processor();
  machine.cores = count;
  machine.instructions = convolution_instruction_set();
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
