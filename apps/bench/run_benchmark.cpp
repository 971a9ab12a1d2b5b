#include "apps/bench/run_benchmark.h"

#include <algorithm>

#include "apps/bench/machine/machine.h"
#include "apps/bench/measure_throughput.h"
#include "apps/bench/operators.h"
#include "apps/bench/shapes_file.h"
#include "apps/bench/steps.h"
#include "apps/cli/precision.h"
#ifdef CUDET_CUDA
#include "apps/bench/cuda/machine.h"
#include "apps/bench/cuda/times.h"
#endif

namespace cudet::bench {
namespace {

Setting make_setting(const Options& options) {
  Setting setting{};
  setting.model = options.model;
  setting.device = "cpu";
  setting.precision = name_of(Precision::fp32);
  setting.batch = options.batch;
  setting.threads = options.detector.threads;
  setting.warmup = options.warmup;
  setting.runs = options.runs;
  return setting;
}

#ifdef CUDET_CUDA
/// Replaces the processor's peak and network times by those of the device, and measures the steps on it.
void measure_on_cuda(const Started& started, const Options& options, const Note& note, Report& report) {
  const Setting& s = report.setting;
  const CudaRun how{started.detector.precision(), started.detector.input(), s.batch, s.warmup, s.runs};
  measure_cuda_machine(report.machine, how.precision);
  const CudaNetworkTimes times = measure_cuda_network(started.model, how);
  report.network->network = times.network;
  report.network->graph = times.graph;
  report.network->launches = times.launches;
  if (!options.layers) return;
  CudaStepTimes steps = measure_cuda_steps(started.model, how, report.machine);
  if (!steps.no_cudnn.empty()) note("no cuDNN times: " + steps.no_cudnn);
  report.layers = std::move(steps.steps);
}

/// On a simulated device, whose times are meaningless, one run is enough to show that everything works.
void limit_runs(Setting& setting) {
  if (why_no_times().empty()) return;
  setting.warmup = 0;
  setting.runs = 1;
}
#endif

}  // namespace

Report benchmark_model(Started& started, const Options& options, const Note& note) {
  const Detector& detector = started.detector;
  if (!detector.fallback().empty()) note("the network runs on the CPU, not on CUDA: " + detector.fallback());
  Report report{CUDET_VERSION, {}, make_setting(options), {}, {}, {}};
  Setting& s = report.setting;
  const bool cuda = detector.device() == Device::cuda;
  if (cuda) s.device = "cuda";
  s.precision = name_of(detector.precision());
  s.height = detector.input().height;
  s.width = detector.input().width;
#ifdef CUDET_CUDA
  if (cuda) limit_runs(s);
#endif
  report.network = measure_network(started, s.batch, s.warmup, s.runs);
  // After the network: it allocates memory that must not count towards the network's peak.
  report.machine = measure_machine(s.threads);
#ifdef CUDET_CUDA
  if (cuda) measure_on_cuda(started, options, note, report);
#endif
  if (options.layers && !cuda)
    report.layers = measure_steps(started.model, detector.precision(), detector.input(), s.batch, s.threads, s.warmup,
                                  s.runs, report.machine);
  if (options.sweep) {
    const std::vector<int> threads = cuda ? std::vector{s.threads} : thread_counts(s.threads);
    report.throughput =
        measure_throughput(started.model, options.detector, batch_sizes(s.batch), threads, s.warmup, s.runs);
  }
  return report;
}

Report benchmark_operators(const Options& options) {
  const std::vector<Step> steps = options.shapes.empty() ? std::vector{parse_step(options.op, options.shape)}
                                                         : read_shapes_file(options.shapes, options.op);
  Report report{CUDET_VERSION, measure_machine(options.detector.threads), make_setting(options), {}, {}, {}};
  for (const Step& step : steps)
    for (Measurement& kernel :
         measure_operator(step, options.detector.threads, options.warmup, options.runs, report.machine))
      report.layers.push_back(std::move(kernel));
  return report;
}

}  // namespace cudet::bench
