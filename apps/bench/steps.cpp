#include "apps/bench/steps.h"

#include <algorithm>

#include "apps/bench/benchmark_image.h"
#include "apps/bench/machine/clock.h"
#include "apps/bench/report/sample_statistics.h"
#include "apps/bench/work.h"
#include "apps/cli/shape.h"
#include "kernels/letterbox/letterbox.h"
#include "runtime/cpu/executor.h"
#include "runtime/model/model.h"

namespace cudet::bench {

Measurement measurement_of(std::string name, const Step& step, Times times, const Machine& machine) {
  const Work work = work_of(step);
  const double gflop = work.flops * 1e-9, gbytes = work.bytes * 1e-9, seconds = times.p50_ms * 1e-3;
  const double of_arithmetic = gflop / machine.peak_gflops, of_memory = gbytes / machine.bandwidth_gbs;  // seconds
  Measurement m{};
  m.name = std::move(name);
  m.op = op_of(step);
  m.shape = shape_of(step);
  m.time = std::move(times);
  m.gflop = gflop;
  m.mbytes = gbytes * 1e3;
  m.gflops = gflop / seconds;
  m.gbs = gbytes / seconds;
  m.share_of_peak = std::max(of_arithmetic, of_memory) / seconds;
  m.memory_bound = of_memory > of_arithmetic;
  return m;
}

std::vector<Measurement> measure_steps(const Model& model, Precision precision, Size input, int batch, int threads,
                                       int warmup, int runs, const Machine& machine) {
  const Model::Impl& impl = model.impl();
  const Extent size{round_up(input.height, model.stride()), round_up(input.width, model.stride())};
  const Type type = precision == Precision::int8 ? Type::u8 : Type::f32;
  const std::shared_ptr<const PackedWeights> weights = impl.cpu_weights(type);
  const Program program = compile(impl.graph, *weights, batch, size, false, {type});
  const Buffer arena(program.memory.bytes);
  const Memory memory{arena.data(), weights->bytes.data()};
  CpuExecutor executor(threads);
  const Picture picture;
  const Frame frame = picture.frame();

  std::vector<std::vector<double>> samples(program.steps.size());
  for (int run = -warmup; run < runs; ++run) {
    for (int image = 0; image < batch; ++image) {  // each time: later values take the input's place
      const Letterbox letterbox{frame, letterbox_fit(frame.width, frame.height, size), program.input, image};
      executor.pool().for_tiles(letterbox.tiles(),
                                [&](int first, int last) { letterbox_cpu(letterbox, memory, first, last); });
    }
    for (std::size_t i = 0; i < program.steps.size(); ++i) {
      const auto start = Clock::now();
      executor.run(program.steps[i].step, memory);
      const double time = milliseconds_since(start);
      if (run >= 0) samples[i].push_back(time);
    }
  }

  std::vector<Measurement> steps;
  for (std::size_t i = 0; i < program.steps.size(); ++i)
    steps.push_back(
        measurement_of(program.steps[i].name, program.steps[i].step, summarize(std::move(samples[i])), machine));
  return steps;
}

}  // namespace cudet::bench
