#include "apps/bench/steps.h"

#include <gtest/gtest.h>

#include "apps/bench/report/sample_statistics.h"
#include "runtime/compile/lowering.h"
#include "runtime/model/model.h"

namespace cudet::bench::test {
namespace {

Machine machine(double gflops, double gbs) {
  Machine machine{};
  machine.peak_gflops = gflops;
  machine.bandwidth_gbs = gbs;
  return machine;
}

TEST(BenchSteps, PlaceOnTheRoofline) {
  const Step conv = parse_step("conv2d", "1x16x16x32 -> 64 k3x3 p1x1");
  const StepInfo work = step_info(conv);
  const Measurement m = make_measurement("model.0.conv", conv, summarize({2}), machine(100, 1e3));
  EXPECT_EQ(m.name, "model.0.conv");
  EXPECT_EQ(m.op, "conv2d");
  EXPECT_EQ(m.shape, "1x16x16x32 -> 64 k3x3 p1x1");
  EXPECT_DOUBLE_EQ(m.time.p50_ms, 2);
  EXPECT_DOUBLE_EQ(m.gflop, work.flops / 1e9);
  EXPECT_DOUBLE_EQ(m.mbytes, work.bytes / 1e6);
  EXPECT_DOUBLE_EQ(m.gflops, work.flops / 0.002 / 1e9);
  EXPECT_DOUBLE_EQ(m.gbs, work.bytes / 0.002 / 1e9);
  EXPECT_FALSE(m.memory_bound);
  EXPECT_DOUBLE_EQ(m.share_of_peak, m.gflops / 100);
  EXPECT_FALSE(m.error);

  const Measurement slow_memory = make_measurement("", conv, summarize({2}), machine(1e5, 1));
  EXPECT_TRUE(slow_memory.memory_bound);
  EXPECT_DOUBLE_EQ(slow_memory.share_of_peak, m.gbs);
}

TEST(BenchSteps, MeasureEachStepOfTheProgram) {
  const Model model = Model::load("tests/data/tiny/dysample.json");
  const int stride = model.stride();
  const std::vector<Measurement> steps =
      measure_steps(model, Precision::fp32, {2 * stride - 1, 3 * stride}, 2, 2, 1, 4, machine(100, 10));
  const Program program = compile(model.impl().graph, *model.impl().cpu_weights(), 2, {2 * stride, 3 * stride});
  ASSERT_EQ(steps.size(), program.steps.size());
  for (std::size_t i = 0; i < steps.size(); ++i) {
    EXPECT_EQ(steps[i].name, program.steps[i].name);
    EXPECT_EQ(steps[i].op, step_name(program.steps[i].step));
    EXPECT_EQ(steps[i].shape, shape_text(program.steps[i].step));
    EXPECT_EQ(steps[i].time.samples_ms.size(), 4u);
    EXPECT_GT(steps[i].time.p50_ms, 0);
  }
}

}  // namespace
}  // namespace cudet::bench::test
