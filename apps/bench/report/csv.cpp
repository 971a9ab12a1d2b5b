#include "apps/bench/report/csv.h"

#include <iomanip>
#include <sstream>

namespace cudet::bench {
namespace {

std::string quoted(const std::string& text) {
  std::string field = "\"";
  for (const char c : text) field += c == '"' ? "\"\"" : std::string(1, c);
  return field + "\"";
}

}  // namespace

std::string to_csv(const Report& report) {
  std::ostringstream out;
  out.exceptions(std::ios::badbit);  // an allocation that fails throws; otherwise the text would be cut
  out << std::setprecision(9)
      << "kind,name,op,shape,batch,threads,p50_ms,p50_low_ms,p50_high_ms,p90_ms,p99_ms,gflop,mb,gflops,gbs,"
         "share_of_peak,bound,error,cudnn_p50_ms,images_per_s,images_per_s_low,images_per_s_high\n";
  const Setting& setting = report.setting;
  const auto print_start = [&](const char* kind, const std::string& name, const std::string& op,
                               const std::string& shape) {
    out << kind << "," << quoted(name) << "," << quoted(op) << "," << quoted(shape) << ",";
  };
  const auto print_times = [&](const Times& times) {
    out << setting.batch << "," << setting.threads << "," << times.p50_ms << "," << times.p50_interval_ms.low << ","
        << times.p50_interval_ms.high << "," << times.p90_ms << "," << times.p99_ms << ",";
  };
  const auto print_network = [&](const char* kind, const Times& times, double gflop) {
    print_start(kind, setting.model, "", "");
    print_times(times);
    out << gflop << ",," << gflop / times.p50_ms * 1e3 << ",,,,,,,,\n";
  };
  if (report.network) {
    const Network& network = *report.network;
    print_network("network", network.network, network.gflop);
    if (network.graph) print_network("graph", *network.graph, network.gflop);
    if (network.launches) print_network("launches", *network.launches, network.gflop);
    print_network("end_to_end", network.end_to_end, network.gflop);
  }
  for (const Measurement& layer : report.layers) {
    print_start("layer", layer.name, layer.op, layer.shape);
    print_times(layer.time);
    out << layer.gflop << "," << layer.mbytes << "," << layer.gflops << "," << layer.gbs << "," << layer.share_of_peak
        << "," << (layer.memory_bound ? "memory" : "arithmetic") << ",";
    if (layer.error) out << *layer.error;
    out << ",";
    if (layer.cudnn) out << layer.cudnn->p50_ms;
    out << ",,,\n";
  }
  for (const Throughput& throughput : report.throughput) {
    print_start("throughput", setting.model, "", "");
    out << throughput.batch << "," << throughput.threads << ",,,,,,,,,,,,,," << throughput.images_per_s << ","
        << throughput.interval.low << "," << throughput.interval.high << "\n";
  }
  return out.str();
}

}  // namespace cudet::bench
