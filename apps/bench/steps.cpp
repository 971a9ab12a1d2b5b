#include "apps/bench/steps.h"

#include <algorithm>

#include "apps/bench/benchmark_image.h"
#include "apps/bench/machine/clock.h"
#include "apps/bench/report/sample_statistics.h"
#include "runtime/cpu/session.h"

namespace cudet::bench {

Measurement make_measurement(std::string name, const Step& step, Times times, const Machine& machine) {
  const StepInfo info = step_info(step);
  const double gflop = info.flops * 1e-9, gbytes = info.bytes * 1e-9, seconds = times.p50_ms * 1e-3;
  const double arithmetic_seconds = gflop / machine.peak_gflops, memory_seconds = gbytes / machine.bandwidth_gbs;
  Measurement m{};
  m.name = std::move(name);
  m.op = step_name(step);
  m.shape = shape_text(step);
  m.time = std::move(times);
  m.gflop = gflop;
  m.mbytes = gbytes * 1e3;
  m.gflops = gflop / seconds;
  m.gbs = gbytes / seconds;
  m.share_of_peak = std::max(arithmetic_seconds, memory_seconds) / seconds;
  m.memory_bound = memory_seconds > arithmetic_seconds;
  return m;
}

std::vector<Measurement> measure_steps(const Model& model, Precision precision, Size input, int batch, int threads,
                                       int warmup, int runs, const Machine& machine) {
  CpuSession session(model, {precision == Precision::int8 ? Type::u8 : Type::f32, threads});
  const Extent size{round_up(input.height, model.stride()), round_up(input.width, model.stride())};
  const Program& program = session.program(batch, size);
  const BenchmarkImage image(model.channels());
  const Frame frame = image.frame();
  const LetterboxFit fit = letterbox_fit(frame.width, frame.height, size);

  std::vector<std::vector<double>> samples(program.steps.size());
  for (int run = -warmup; run < runs; ++run) {
    for (int i = 0; i < batch; ++i)  // in each run, since later values overwrite the input
      session.letterbox(program, frame, fit, i);
    for (std::size_t i = 0; i < program.steps.size(); ++i) {
      const auto start = Clock::now();
      session.run(program.steps[i]);
      const double time = milliseconds_since(start);
      if (run >= 0) samples[i].push_back(time);
    }
  }

  std::vector<Measurement> steps;
  for (std::size_t i = 0; i < program.steps.size(); ++i)
    steps.push_back(
        make_measurement(program.steps[i].name, program.steps[i].step, summarize(std::move(samples[i])), machine));
  return steps;
}

}  // namespace cudet::bench
