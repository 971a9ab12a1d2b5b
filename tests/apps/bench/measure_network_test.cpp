#include "apps/bench/measure_network.h"

#include <gtest/gtest.h>

#include "apps/bench/machine/process_info.h"
#include "kernels/error.h"

namespace cudet::bench::test {
namespace {

constexpr const char* kModel = "tests/data/tiny/dysample.json";

DetectorOptions on_cpu() {
  return {.device = Device::cpu, .threads = 2, .input = {64, 96}};
}

TEST(BenchNetwork, MeasuresTheStart) {
  const Started started = start_network(kModel, on_cpu(), 2);
  EXPECT_GT(started.load_ms, 0);
  EXPECT_GT(started.first_ms, started.load_ms);
  EXPECT_LT(started.first_ms, process_age_ms() + 10);
  EXPECT_GT(started.first_run_ms, 0);
  EXPECT_GE(started.first_ms, started.load_ms + started.first_run_ms);
  EXPECT_EQ(started.detector.input(), (Size{64, 96}));
  EXPECT_EQ(started.detector.device(), Device::cpu);
}

TEST(BenchNetwork, MeasuresEachRun) {
  Started started = start_network(kModel, on_cpu(), 2);
  const Network network = measure_network(started, 2, 1, 3);
  ASSERT_EQ(network.network.samples_ms.size(), 3u);
  ASSERT_EQ(network.end_to_end.samples_ms.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_GT(network.network.samples_ms[i], 0);
    EXPECT_LT(network.network.samples_ms[i], network.end_to_end.samples_ms[i]);
  }
  EXPECT_EQ(network.load_ms, started.load_ms);
  EXPECT_EQ(network.first_ms, started.first_ms);
  EXPECT_EQ(network.first_run_ms, started.first_run_ms);
  EXPECT_GT(network.peak_mb, 1);
  EXPECT_GT(network.grown_mb, 0);
  EXPECT_LT(network.grown_mb, network.peak_mb);
  EXPECT_GT(network.gflop, 0);
  EXPECT_DOUBLE_EQ(network.gflop, 2 * measure_network(started, 1, 0, 1).gflop);
}

// Times are per batch. The engine reports the share of one image, which would be a 32nd.
TEST(BenchNetwork, TimesArePerBatch) {
  Started started = start_network(kModel, on_cpu(), 32);
  const Network network = measure_network(started, 32, 0, 1);
  EXPECT_GT(network.network.p50_ms, network.end_to_end.p50_ms / 8);
}

TEST(BenchNetwork, PassesOnErrorsOfTheDetector) {
  EXPECT_THROW(start_network("no such.json", on_cpu(), 1), Error);
  DetectorOptions half = on_cpu();
  half.precision = Precision::fp16;
  EXPECT_THROW(start_network(kModel, half, 1), Error);
}

}  // namespace
}  // namespace cudet::bench::test
