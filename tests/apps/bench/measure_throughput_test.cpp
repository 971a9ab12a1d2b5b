#include "apps/bench/measure_throughput.h"

#include <gtest/gtest.h>

#include <tuple>

namespace cudet::bench::test {
namespace {

TEST(BenchThroughput, DoublesThreadsUpToTheNumberOfCores) {
  EXPECT_EQ(thread_counts(1), (std::vector<int>{1}));
  EXPECT_EQ(thread_counts(6), (std::vector<int>{1, 2, 4, 6}));
  EXPECT_EQ(thread_counts(8), (std::vector<int>{1, 2, 4, 8}));
}

TEST(BenchThroughput, DoublesBatchSizesAndIncludesTheGivenOne) {
  EXPECT_EQ(batch_sizes(1), (std::vector<int>{1, 2, 4, 8}));
  EXPECT_EQ(batch_sizes(3), (std::vector<int>{1, 2, 3, 4, 8}));
  EXPECT_EQ(batch_sizes(12), (std::vector<int>{1, 2, 4, 8, 12}));
  EXPECT_EQ(batch_sizes(16), (std::vector<int>{1, 2, 4, 8, 16}));
}

TEST(BenchThroughput, MeasuresEachBatchSizeWithEachNumberOfThreads) {
  const Model model = Model::load("tests/data/tiny/plain.json");
  const std::vector<int> batches = {1, 3}, threads = {2, 1};
  const std::vector<Throughput> results =
      measure_throughput(model, {.device = Device::cpu, .input = {64, 64}}, batches, threads, 1, 12);
  ASSERT_EQ(results.size(), 4u);
  std::size_t i = 0;
  for (const int count : threads)
    for (const int batch : batches) {
      const Throughput& t = results[i++];
      EXPECT_EQ(std::tuple(t.threads, t.batch), std::tuple(count, batch));
      EXPECT_GT(t.interval.low, 0);
      EXPECT_LE(t.interval.low, t.images_per_s);
      EXPECT_GE(t.interval.high, t.images_per_s);
    }
}

}  // namespace
}  // namespace cudet::bench::test
