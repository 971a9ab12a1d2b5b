#include <gtest/gtest.h>

#include "apps/bench/cuda/cudnn.h"
#include "apps/bench/cuda/machine.h"
#include "apps/bench/cuda/times.h"
#include "runtime/compile/lowering.h"
#include "runtime/model/model.h"
#include "tests/kernels/device.h"

namespace cudet::bench::test {
namespace {

class BenchCuda : public testing::TestWithParam<Precision> {
 protected:
  void SetUp() override {
    if (const std::string why = cudet::test::why_no_device(); !why.empty()) GTEST_SKIP() << why;
    if (GetParam() == Precision::fp16)
      if (const std::string why = cudet::test::why_no_fp16(); !why.empty()) GTEST_SKIP() << why;
  }
};

void expect_times(const Times& times, std::size_t runs) {
  EXPECT_EQ(times.samples_ms.size(), runs);
  for (const double time : times.samples_ms) EXPECT_GE(time, 0);
}

TEST_P(BenchCuda, MeasuresTheNetworkWithAndWithoutItsGraph) {
  const Model model = Model::load("tests/data/tiny/dysample.json");
  const CudaNetworkTimes times = measure_cuda_network(model, {GetParam(), {1, model.stride()}, 2, 1, 3});
  expect_times(times.network, 3);
  ASSERT_TRUE(times.graph);
  expect_times(*times.graph, 3);
  expect_times(times.launches, 3);
}

TEST_P(BenchCuda, MeasuresEachStep) {
  const Model model = Model::load("tests/data/tiny/dysample.json");
  Machine machine{};
  machine.peak_gflops = machine.bandwidth_gbs = 1e3;
  const Type type = GetParam() == Precision::fp16 ? Type::f16 : Type::f32;
  const CudaStepTimes times = measure_cuda_steps(model, {GetParam(), {1, model.stride()}, 2, 0, 2}, machine);
  const Program program = compile(model.impl().graph, no_weights(model.impl().graph), 2,
                                  {model.stride(), model.stride()}, false, {type, true});
  ASSERT_EQ(times.steps.size(), program.steps.size());
  for (std::size_t i = 0; i < program.steps.size(); ++i) {
    const Measurement& step = times.steps[i];
    EXPECT_EQ(step.name, program.steps[i].name);
    EXPECT_EQ(step.shape, shape_text(program.steps[i].step));
    expect_times(step.time, 2);
    if (step.op != "conv2d" || !times.no_cudnn.empty()) continue;
    ASSERT_TRUE(step.cudnn) << step.shape;
    EXPECT_GT(step.cudnn->p50_ms, 0);
    EXPECT_FALSE(step.cudnn->algorithm.empty());
  }
  const std::string why = why_no_times();
  EXPECT_TRUE(why.empty() || times.no_cudnn == why) << times.no_cudnn;
}

TEST_P(BenchCuda, MeasuresWhatTheDeviceCanDo) {
  Machine machine{};
  machine.processor = "a processor";
  measure_cuda_machine(machine, GetParam());
  EXPECT_EQ(machine.processor, "a processor");
  EXPECT_FALSE(machine.gpu.empty());
  EXPECT_EQ(why_no_times(machine.gpu), why_no_times());
  if (!why_no_times().empty()) {
    EXPECT_EQ(machine.busy, why_no_times());
    return;
  }
  EXPECT_GT(machine.peak_gflops, 100);  // Jetson Nano has 236 in fp32
  EXPECT_LT(machine.peak_gflops, 1e7);
  EXPECT_GT(machine.bandwidth_gbs, 10);
  EXPECT_LT(machine.bandwidth_gbs, 1e5);
}

INSTANTIATE_TEST_SUITE_P(Precisions, BenchCuda, testing::Values(Precision::fp32, Precision::fp16),
                         [](const auto& test) { return test.param == Precision::fp16 ? "fp16" : "fp32"; });

TEST(BenchCudaMachine, KnowsWhatStandsInForAGpu) {
  EXPECT_EQ(why_no_times("NVIDIA H100 80GB HBM3"), "");
  for (const char* name : {"fibers", "Emulated CUDA device (PTX interpreter, cc 8.0)"})
    EXPECT_NE(why_no_times(name).find("times are meaningless; `make counts`"), std::string::npos) << name;
}

}  // namespace
}  // namespace cudet::bench::test
