#include "apps/bench/report/table.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <ostream>
#include <set>

#include "apps/bench/report/columns.h"

namespace cudet::bench {
namespace {

/// The larger distance between the value and an end of its interval, in per cent of the value.
std::string half_width(double value, const Interval& interval) {
  return percent(std::max(interval.high - value, value - interval.low) / value);
}

/// "1 thread", "2 threads".
std::string counted(int number, const std::string& what) {
  return std::to_string(number) + " " + what + (number == 1 ? "" : "s");
}

std::string scientific(double value) {
  char text[16];
  std::snprintf(text, sizeof text, "%.1e", value);
  return text;
}

void print_head(const Report& report, std::ostream& out) {
  const Machine& machine = report.machine;
  out << "machine   " << machine.processor << ", " << counted(machine.cores, "core") << ", " << machine.instructions;
  if (!machine.gpu.empty()) out << "; " << machine.gpu;
  out << "\n          peak " << fixed(machine.peak_gflops, 1) << " GFLOP/s and " << fixed(machine.bandwidth_gbs, 1)
      << " GB/s, measured at the start; equal work varied by " << percent(machine.noise, 1) << "\n";
  if (!machine.busy.empty()) out << "BUSY      times are unreliable: " << machine.busy << "\n";
  const Setting& setting = report.setting;
  out << (setting.model.empty() ? "operators " : "network   " + setting.model + ": ") << setting.device << ", "
      << setting.precision << ", ";
  if (!setting.model.empty()) out << setting.height << "x" << setting.width << ", batch " << setting.batch << ", ";
  out << counted(setting.threads, "thread") << ", " << counted(setting.runs, "run") << " after " << setting.warmup
      << "\n";
}

void print_network(const Report& report, std::ostream& out) {
  const Network& network = *report.network;
  const double rate = network.gflop / network.network.p50_ms * 1e3;
  out << "          " << fixed(network.gflop, 2) << " GFLOP at " << fixed(rate, 1) << " GFLOP/s, "
      << percent(rate / report.machine.peak_gflops) << " of peak; loaded in " << fixed(network.load_ms, 0)
      << " ms, first result after " << fixed(network.first_ms, 0) << " ms, peak memory " << fixed(network.peak_mb, 0)
      << " MB\n\n";
  Columns columns({"<", "p50", "95 % interval", "p90", "p99"});
  const auto add = [&](const char* name, const Times& times) {
    columns.add({name, fixed(times.p50_ms, 2) + " ms",
                 fixed(times.p50_interval_ms.low, 2) + " .. " + fixed(times.p50_interval_ms.high, 2),
                 fixed(times.p90_ms, 2), fixed(times.p99_ms, 2)});
  };
  add("network", network.network);
  if (network.graph) add("as a graph", *network.graph);
  if (network.launches) add("without a graph", *network.launches);
  add("end to end", network.end_to_end);
  columns.print(out);
  out << "95 % interval: of the p50, estimated from these runs (bootstrap). Another process may differ by more.\n";
}

void print_layers(const Report& report, std::ostream& out) {
  const bool steps = !report.setting.model.empty();  // otherwise kernels, whose sum is meaningless
  double all_ms = 0;
  bool errors = false, cudnn = false;
  for (const Measurement& layer : report.layers) {
    all_ms += layer.time.p50_ms;
    errors = errors || layer.error;
    cudnn = cudnn || layer.cudnn;
  }
  std::vector<std::string> titles = {steps ? "<step" : "<kernel", "p50 ms", "±"};
  if (steps) titles.emplace_back("of time");
  titles.insert(titles.end(), {"GFLOP/s", "GB/s", "of roof", "<bound"});
  if (errors) titles.emplace_back("error");
  if (cudnn) titles.emplace_back("cuDNN ms");
  titles.emplace_back("<operator and shape");  // last, because a few are long
  Columns columns(titles);
  for (const Measurement& layer : report.layers) {
    std::vector<std::string> row = {layer.name, fixed(layer.time.p50_ms, 3),
                                    half_width(layer.time.p50_ms, layer.time.p50_interval_ms)};
    if (steps) row.push_back(percent(layer.time.p50_ms / all_ms, 1));
    row.insert(row.end(), {fixed(layer.gflops, 1), fixed(layer.gbs, 1), percent(layer.share_of_peak),
                           layer.memory_bound ? "memory" : "FMA"});
    if (errors) row.push_back(layer.error ? scientific(*layer.error) : "");
    if (cudnn) row.push_back(layer.cudnn ? fixed(layer.cudnn->p50_ms, 3) : "");
    row.push_back(layer.op + " " + layer.shape);
    columns.add(row);
  }
  out << "\n";
  columns.print(out);
}

/// The sum of several measurements.
struct Sum {
  int steps = 0;
  double ms = 0, gflop = 0, mbytes = 0, roof_ms = 0;  // roof_ms: the time that they would take at the roofline

  void add(const Measurement& layer) {
    ++steps;
    ms += layer.time.p50_ms;
    gflop += layer.gflop;
    mbytes += layer.mbytes;
    roof_ms += layer.time.p50_ms * layer.share_of_peak;
  }
};

void print_sums(const Report& report, std::ostream& out) {
  std::map<std::string, Sum> sums;
  Sum all;
  for (const Measurement& layer : report.layers) {
    sums[layer.op].add(layer);
    all.add(layer);
  }
  std::vector<std::pair<std::string, Sum>> rows(sums.begin(), sums.end());
  std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.second.ms > b.second.ms; });
  rows.emplace_back("all", all);
  Columns columns({"<operator", "steps", "p50 ms", "of time", "GFLOP/s", "GB/s", "of roof"});
  for (const auto& [op, sum] : rows)
    columns.add({op, std::to_string(sum.steps), fixed(sum.ms, 3), percent(sum.ms / all.ms, 1),
                 fixed(sum.gflop / sum.ms * 1e3, 1), fixed(sum.mbytes / sum.ms, 1), percent(sum.roof_ms / sum.ms)});
  out << "\n";
  columns.print(out);
}

void print_throughput(const Report& report, std::ostream& out) {
  std::set<int> batches, threads;
  std::map<std::pair<int, int>, std::string> cells;
  for (const Throughput& t : report.throughput) {
    batches.insert(t.batch);
    threads.insert(t.threads);
    cells[{t.batch, t.threads}] = fixed(t.images_per_s, 1) + " ±" + half_width(t.images_per_s, t.interval);
  }
  std::vector<std::string> titles = {"<images/s"};
  for (const int number : threads) titles.push_back(counted(number, "thread"));
  Columns columns(titles);
  for (const int batch : batches) {
    std::vector<std::string> row = {"batch " + std::to_string(batch)};
    for (const int number : threads) row.push_back(cells[{batch, number}]);
    columns.add(row);
  }
  out << "\n";
  columns.print(out);
}

}  // namespace

void print_table(const Report& report, std::ostream& out) {
  print_head(report, out);
  if (report.network) print_network(report, out);
  if (!report.layers.empty()) {
    print_layers(report, out);
    if (!report.setting.model.empty()) print_sums(report, out);
    out << "\n±: 95 % interval of the p50. Of roof: share of the machine's peak, in multiply-adds (FMA) or in memory\n"
           "bandwidth, whichever limits the step. More than 100 % is possible: tensors may lie in caches, 3x3\n"
           "convolutions by Winograd's algorithm need fewer products than the plain sum, which is counted, and int8\n"
           "products are faster than fp32 ones.\n";
  }
  if (!report.throughput.empty()) print_throughput(report, out);
}

}  // namespace cudet::bench
