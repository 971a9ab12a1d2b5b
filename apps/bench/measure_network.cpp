#include "apps/bench/measure_network.h"

#include <vector>

#include "apps/bench/benchmark_image.h"
#include "apps/bench/machine/clock.h"
#include "apps/bench/machine/process_info.h"
#include "apps/bench/report/sample_statistics.h"
#include "apps/checkpoint/load_model.h"
#include "runtime/compile/lowering.h"
#include "runtime/model/model.h"

namespace cudet::bench {
namespace {

/// 1e9 floating-point operations of one batch.
double count_gflop(const Model& model, Size input, int batch) {
  const Graph& graph = model.impl().graph;
  double flops = 0;
  for (const Program::NamedStep& named : compile(graph, no_weights(graph), batch, {input.height, input.width}).steps)
    flops += step_info(named.step).flops;
  return flops * 1e-9;
}

}  // namespace

Started start_network(const std::string& path, DetectorOptions options, int batch) {
  const double age = process_age_ms();
  const double before = resident_memory_mb();
  const auto now = Clock::now();
  options.fit = Fit::whole;
  Model model = load_model(path);
  Detector detector(model, options);
  const double load = milliseconds_since(now);
  const BenchmarkImage image(model.channels());
  const auto drawn = Clock::now();
  detector.detect(std::vector<Frame>(static_cast<std::size_t>(batch), image.frame()));
  const double first = milliseconds_since(drawn);  // without the time to draw the image
  return {std::move(model), std::move(detector), load, age + load + first, first, before};
}

Network measure_network(Started& started, int batch, int warmup, int runs) {
  const BenchmarkImage image(started.model.channels());
  const std::vector<Frame> frames(static_cast<std::size_t>(batch), image.frame());
  std::vector<double> network, end_to_end;
  for (int run = -warmup; run < runs; ++run) {
    const auto start = Clock::now();
    const std::vector<Result> results = started.detector.detect(frames);
    const double whole = milliseconds_since(start);
    if (run < 0) continue;
    end_to_end.push_back(whole);
    network.push_back(0);
    for (const Result& result : results) network.back() += result.ms.network;
  }
  const double peak = peak_memory_mb();
  return {summarize(std::move(network)),
          summarize(std::move(end_to_end)),
          count_gflop(started.model, started.detector.input(), batch),
          started.load_ms,
          started.first_ms,
          started.first_run_ms,
          peak,
          peak - started.before_mb};
}

}  // namespace cudet::bench
