#include "apps/bench/report/sample_statistics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <numeric>
#include <random>

#include "kernels/error.h"

namespace cudet::bench::test {
namespace {

/// Times distributed as on a real machine: a minimum with a long tail above it. Their median is scale * (1 + ln 2).
std::vector<double> draw(std::mt19937& random, int count, double scale = 1) {
  std::exponential_distribution<double> tail(1);
  std::vector<double> times(static_cast<std::size_t>(count));
  for (double& time : times) time = scale * (1 + tail(random));
  return times;
}

bool contains(const Interval& interval, double value) {
  return interval.low <= value && value <= interval.high;
}

TEST(BenchStatistics, QuantilesAreInterpolated) {
  const std::vector<double> samples = {4, 1, 3, 2};
  EXPECT_DOUBLE_EQ(quantile(samples, 0), 1);
  EXPECT_DOUBLE_EQ(quantile(samples, 0.5), 2.5);
  EXPECT_DOUBLE_EQ(quantile(samples, 0.9), 3.7);
  EXPECT_DOUBLE_EQ(quantile(samples, 1), 4);
  EXPECT_DOUBLE_EQ(quantile({7}, 0.99), 7);
  EXPECT_THROW(quantile({}, 0.5), Error);
}

TEST(BenchStatistics, SummaryKeepsTheOrderOfTheSamples) {
  const Times times = summarize({5, 1, 3, 2, 4});
  EXPECT_EQ(times.samples_ms, (std::vector<double>{5, 1, 3, 2, 4}));
  EXPECT_DOUBLE_EQ(times.p50_ms, 3);
  EXPECT_DOUBLE_EQ(times.p90_ms, 4.6);
  EXPECT_DOUBLE_EQ(times.p99_ms, 4.96);
  EXPECT_LT(times.p50_interval_ms.low, 3);
  EXPECT_GT(times.p50_interval_ms.high, 3);
  EXPECT_THROW(summarize({}), Error);
}

TEST(BenchStatistics, EqualSamplesHaveIntervalsWithoutWidth) {
  const Times times = summarize({2, 2, 2});
  EXPECT_DOUBLE_EQ(times.p50_interval_ms.low, 2);
  EXPECT_DOUBLE_EQ(times.p50_interval_ms.high, 2);
  const Interval ratio = ratio_interval(std::vector<double>{3, 3}, std::vector<double>{2, 2, 2});
  EXPECT_DOUBLE_EQ(ratio.low, 1.5);
  EXPECT_DOUBLE_EQ(ratio.high, 1.5);
}

// Of 200 intervals, 190 should contain the true value; the bootstrap of the median of 50 samples is off by a few.
TEST(BenchStatistics, IntervalsContainTheTrueValueIn95Percent) {
  std::mt19937 random(5);
  int medians = 0, ratios = 0;
  for (int i = 0; i < 200; ++i) {
    const std::vector<double> before = draw(random, 50), now = draw(random, 40, 0.8);
    medians += contains(summarize(before).p50_interval_ms, 1 + std::log(2));
    ratios += contains(ratio_interval(now, before), 0.8);
  }
  EXPECT_GE(medians, 180);
  EXPECT_LE(medians, 198);
  EXPECT_GE(ratios, 180);
  EXPECT_LE(ratios, 198);
}

TEST(BenchStatistics, IntervalsShrinkWithMoreSamples) {
  std::mt19937 random(6);
  const Interval few = summarize(draw(random, 20)).p50_interval_ms,
                 many = summarize(draw(random, 2000)).p50_interval_ms;
  EXPECT_LT(many.high - many.low, (few.high - few.low) / 3);
}

// Drawing a thousand resamples sample by sample would take as long as about a hundred sorts.
TEST(BenchStatistics, IntervalsOfManySamplesAreFast) {
  std::mt19937 random(8);
  std::vector<double> before = draw(random, 1'000'000), now = draw(random, 1'000'000, 0.8);
  const std::clock_t start = std::clock();  // CPU time of this process, so other load does not count
  EXPECT_TRUE(contains(ratio_interval(now, before), 0.8));
  const std::clock_t middle = std::clock();
  std::sort(before.begin(), before.end());
  std::sort(now.begin(), now.end());
  EXPECT_LT(middle - start, 10 * (std::clock() - middle));
}

// Compares with resampling sample by sample.
TEST(BenchStatistics, IntervalsEqualThoseOfResampling) {
  std::mt19937 random(9);
  for (const int count : {1, 2, 9, 10, 101, 200}) {
    std::vector<double> samples(static_cast<std::size_t>(count));
    std::iota(samples.begin(), samples.end(), 0);
    std::vector<double> medians(20000), drawn(samples.size());
    for (double& median : medians) {
      for (double& value : drawn) value = samples[random() % samples.size()];
      median = quantile(drawn, 0.5);
    }
    const Interval got = summarize(samples).p50_interval_ms;
    EXPECT_NEAR(got.low, quantile(medians, 0.025), 1) << count;  // at most one sample apart
    EXPECT_NEAR(got.high, quantile(medians, 0.975), 1) << count;
  }
}

TEST(BenchStatistics, TheSameSamplesGiveTheSameInterval) {
  std::mt19937 random(7);
  const std::vector<double> samples = draw(random, 30);
  const Interval a = summarize(samples).p50_interval_ms, b = summarize(samples).p50_interval_ms;
  EXPECT_EQ(a.low, b.low);
  EXPECT_EQ(a.high, b.high);
}

TEST(BenchStatistics, NoiseIsTheSpreadOverTheMedian) {
  EXPECT_DOUBLE_EQ(noise_of(std::vector<double>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}), 8.0 / 6);
  EXPECT_DOUBLE_EQ(noise_of(std::vector<double>{3, 3, 3}), 0);
  EXPECT_THROW(noise_of({}), Error);
}

}  // namespace
}  // namespace cudet::bench::test
