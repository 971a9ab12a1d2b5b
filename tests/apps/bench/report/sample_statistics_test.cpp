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

/// Times as a computer has them: a floor, and now and then much more. Their median is 1 + ln 2.
std::vector<double> draw(std::mt19937& random, int count, double scale = 1) {
  std::exponential_distribution<double> tail(1);
  std::vector<double> times(static_cast<std::size_t>(count));
  for (double& time : times) time = scale * (1 + tail(random));
  return times;
}

bool holds(const Interval& interval, double value) {
  return interval.low <= value && value <= interval.high;
}

TEST(BenchTimes, QuantilesLieBetweenSamples) {
  const std::vector<double> samples = {4, 1, 3, 2};
  EXPECT_DOUBLE_EQ(quantile(samples, 0), 1);
  EXPECT_DOUBLE_EQ(quantile(samples, 0.5), 2.5);
  EXPECT_DOUBLE_EQ(quantile(samples, 0.9), 3.7);
  EXPECT_DOUBLE_EQ(quantile(samples, 1), 4);
  EXPECT_DOUBLE_EQ(quantile({7}, 0.99), 7);
  EXPECT_THROW(quantile({}, 0.5), Error);
}

TEST(BenchTimes, SummaryKeepsTheSamplesInTheirOrder) {
  const Times times = summarize({5, 1, 3, 2, 4});
  EXPECT_EQ(times.samples_ms, (std::vector<double>{5, 1, 3, 2, 4}));
  EXPECT_DOUBLE_EQ(times.p50_ms, 3);
  EXPECT_DOUBLE_EQ(times.p90_ms, 4.6);
  EXPECT_DOUBLE_EQ(times.p99_ms, 4.96);
  EXPECT_LT(times.p50_interval_ms.low, 3);
  EXPECT_GT(times.p50_interval_ms.high, 3);
  EXPECT_THROW(summarize({}), Error);
}

TEST(BenchTimes, EqualSamplesLeaveNothingOpen) {
  const Times times = summarize({2, 2, 2});
  EXPECT_DOUBLE_EQ(times.p50_interval_ms.low, 2);
  EXPECT_DOUBLE_EQ(times.p50_interval_ms.high, 2);
  const Interval ratio = ratio_interval(std::vector<double>{3, 3}, std::vector<double>{2, 2, 2});
  EXPECT_DOUBLE_EQ(ratio.low, 1.5);
  EXPECT_DOUBLE_EQ(ratio.high, 1.5);
}

// Of 200 intervals, 190 are to hold the truth; the bootstrap of a median of 50 errs by a few.
TEST(BenchTimes, IntervalsOf95PercentHoldTheTruth) {
  std::mt19937 random(5);
  int medians = 0, ratios = 0;
  for (int i = 0; i < 200; ++i) {
    const std::vector<double> before = draw(random, 50), now = draw(random, 40, 0.8);
    medians += holds(summarize(before).p50_interval_ms, 1 + std::log(2));
    ratios += holds(ratio_interval(now, before), 0.8);
  }
  EXPECT_GE(medians, 180);
  EXPECT_LE(medians, 198);
  EXPECT_GE(ratios, 180);
  EXPECT_LE(ratios, 198);
}

TEST(BenchTimes, IntervalsShrinkAsSamplesGrow) {
  std::mt19937 random(6);
  const Interval few = summarize(draw(random, 20)).p50_interval_ms,
                 many = summarize(draw(random, 2000)).p50_interval_ms;
  EXPECT_LT(many.high - many.low, (few.high - few.low) / 3);
}

// Some thousand draws of each sample would take as long as a hundred sorts.
TEST(BenchTimes, ManySamplesTakeNoLongerThanTheyNeed) {
  std::mt19937 random(8);
  std::vector<double> before = draw(random, 1'000'000), now = draw(random, 1'000'000, 0.8);
  const std::clock_t start = std::clock();  // of this process: what else runs here does not count
  EXPECT_TRUE(holds(ratio_interval(now, before), 0.8));
  const std::clock_t middle = std::clock();
  std::sort(before.begin(), before.end());
  std::sort(now.begin(), now.end());
  EXPECT_LT(middle - start, 10 * (std::clock() - middle));
}

// Against draws of samples one by one.
TEST(BenchTimes, IntervalsAreThoseOfResampling) {
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
    EXPECT_NEAR(got.low, quantile(medians, 0.025), 1) << count;  // one sample further
    EXPECT_NEAR(got.high, quantile(medians, 0.975), 1) << count;
  }
}

TEST(BenchTimes, TheSameSamplesGiveTheSameInterval) {
  std::mt19937 random(7);
  const std::vector<double> samples = draw(random, 30);
  const Interval a = summarize(samples).p50_interval_ms, b = summarize(samples).p50_interval_ms;
  EXPECT_EQ(a.low, b.low);
  EXPECT_EQ(a.high, b.high);
}

TEST(BenchTimes, NoiseIsTheSpreadOverTheMedian) {
  EXPECT_DOUBLE_EQ(noise_of(std::vector<double>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}), 8.0 / 6);
  EXPECT_DOUBLE_EQ(noise_of(std::vector<double>{3, 3, 3}), 0);
  EXPECT_THROW(noise_of({}), Error);
}

}  // namespace
}  // namespace cudet::bench::test
