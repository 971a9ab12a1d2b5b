// Comparisons: the verdicts, and which results are refused.
#include "apps/bench/report/compare.h"

#include <gtest/gtest.h>

#include <random>
#include <sstream>

#include "kernels/error.h"
#include "tests/apps/bench/reports.h"

namespace cudet::bench::test {
namespace {

Times scaled(const Times& times, double factor) {
  std::vector<double> samples = times.samples_ms;
  for (double& sample : samples) sample *= factor;
  return summarize(samples);
}

Comparison compare_one(const Report& now, const Report& before) {
  return compare({{"now.json", now}}, {{"before.json", before}});
}

std::string error_of(const Report& now, const Report& before) {
  try {
    compare_one(now, before);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

std::vector<std::string> list_names(const std::vector<Difference>& differences) {
  std::vector<std::string> names;
  for (const Difference& d : differences) names.push_back(d.name);
  return names;
}

using Names = std::vector<std::string>;

TEST(BenchCompare, SeesNoDifferenceBetweenAResultAndItself) {
  const Comparison same = compare_one(small_report(), small_report());
  EXPECT_EQ(list_names(same.network), (Names{"network", "end to end"}));
  EXPECT_EQ(list_names(same.steps), (Names{"model.0", "model.1", "model.2"}));
  for (const Difference& d : same.steps) {
    EXPECT_EQ(d.ratio, 1);
    EXPECT_LT(d.interval.low, 1);
    EXPECT_GT(d.interval.high, 1);
    EXPECT_EQ(d.verdict, Verdict::no_difference);
  }
  EXPECT_TRUE(slower_than(same, 1).empty());
  EXPECT_EQ(same.busy, "");
}

TEST(BenchCompare, SeesSlowerAndFasterSteps) {
  Report now = small_report();
  now.network->network = scaled(now.network->network, 1.1);
  now.layers[0].time = scaled(now.layers[0].time, 1.2);
  now.layers[2].time = scaled(now.layers[2].time, 0.5);
  const Comparison comparison = compare_one(now, small_report());
  EXPECT_EQ(comparison.network[0].verdict, Verdict::slower);
  EXPECT_NEAR(comparison.network[0].ratio, 1.1, 1e-9);
  EXPECT_EQ(comparison.network[1].verdict, Verdict::no_difference);
  EXPECT_EQ(comparison.steps[0].verdict, Verdict::slower);
  EXPECT_LE(comparison.steps[0].interval.low, 1.2);
  EXPECT_GE(comparison.steps[0].interval.high, 1.2);
  EXPECT_EQ(comparison.steps[1].verdict, Verdict::no_difference);
  EXPECT_EQ(comparison.steps[2].verdict, Verdict::faster);
  EXPECT_EQ(list_names(slower_than(comparison, 1.05)), (Names{"network", "model.0"}));
  EXPECT_EQ(list_names(slower_than(comparison, 1.15)), (Names{"model.0"}));
  EXPECT_TRUE(slower_than(comparison, 1.25).empty());
}

TEST(BenchCompare, WidensIntervalsByTheNormalQuantile) {
  const Interval one = widen(1.1, {1.05, 1.2}, 1), seventy = widen(1.1, {1.05, 1.2}, 70);
  EXPECT_NEAR(one.low, 1.05, 1e-9);
  EXPECT_NEAR(one.high, 1.2, 1e-9);
  const double factor = 3.3853 / 1.9600;  // two-sided quantiles of the normal distribution for 0.05 / 70 and 0.05
  EXPECT_NEAR(std::log(seventy.high / 1.1), factor * std::log(1.2 / 1.1), 1e-4);
  EXPECT_NEAR(std::log(seventy.low / 1.1), factor * std::log(1.05 / 1.1), 1e-4);
  EXPECT_EQ(widen(1, {1.1, 1.2}, 1).low, 1);  // the result always contains the ratio
}

/// Counts how many of 70 equal steps seem to differ in eight comparisons. With plain 95 % intervals it would be
/// about 30.
TEST(BenchCompare, RarelySeesADifferenceBetweenManyEqualSteps) {
  std::mt19937 random(1);
  std::lognormal_distribution<double> time(0, 0.05);
  const auto result = [&] {
    Report report = small_report();
    report.layers.assign(70, report.layers[0]);
    for (Measurement& layer : report.layers) {
      for (double& sample : layer.time.samples_ms) sample = time(random);
      layer.time = summarize(layer.time.samples_ms);
    }
    return report;
  };
  int seen = 0;
  for (int i = 0; i < 8; ++i)
    for (const Difference& d : compare_one(result(), result()).steps) seen += d.verdict != Verdict::no_difference;
  EXPECT_LE(seen, 3);
}

TEST(BenchCompare, SeesADifferenceBetweenSeveralResultsOnlyIfAllPairsDiffer) {
  const auto with = [](double first, double second) {
    Report report = small_report();
    report.layers[0].time = scaled(report.layers[0].time, first);
    report.layers[1].time = scaled(report.layers[1].time, second);
    return report;
  };
  const std::vector<Stored> now = {{"n1", with(1.2, 1.3)}, {"n2", with(1.3, 1.2)}, {"n3", with(1.25, 1.0)}};
  const Comparison comparison = compare(now, {{"b1", with(1, 1)}, {"b2", with(1.05, 0.95)}});
  EXPECT_EQ(comparison.steps[0].verdict, Verdict::slower);
  EXPECT_NEAR(comparison.steps[0].ratio, 1.25 / 1.025, 1e-9);
  EXPECT_LE(comparison.steps[0].interval.low, 1.2 / 1.05);
  EXPECT_GE(comparison.steps[0].interval.high, 1.3);
  EXPECT_EQ(comparison.steps[1].verdict, Verdict::no_difference);
}

TEST(BenchCompare, DistinguishesStepsWithEqualNames) {
  Report now = small_report();
  now.layers.assign(3, now.layers[0]);
  Report before = now;
  now.layers[1].time = scaled(now.layers[1].time, 2);
  const Comparison comparison = compare_one(now, before);
  EXPECT_EQ(comparison.steps[0].verdict, Verdict::no_difference);
  EXPECT_EQ(comparison.steps[1].verdict, Verdict::slower);
  EXPECT_EQ(comparison.steps[2].verdict, Verdict::no_difference);
}

TEST(BenchCompare, ListsStepsThatOnlyOneResultHas) {
  Report now = small_report();
  now.layers[1].shape = "another";
  const Comparison comparison = compare_one(now, small_report());
  EXPECT_EQ(list_names(comparison.steps), (Names{"model.0", "model.2"}));
  EXPECT_EQ(comparison.added, Names{"model.1"});
  EXPECT_EQ(comparison.gone, Names{"model.1"});
}

TEST(BenchCompare, RefusesAnotherMachineModelOrSetting) {
  const auto with = [](auto change) {
    Report report = small_report();
    change(report);
    return error_of(small_report(), report);
  };
  EXPECT_EQ(with([](Report& r) { r.setting.threads = 4; }),
            "before.json: not comparable with now.json: threads 4, not 2");
  EXPECT_NE(with([](Report& r) { r.setting.batch = 8; }).find("batch 8, not 1"), std::string::npos);
  EXPECT_NE(with([](Report& r) { r.setting.width = 320; }).find("input 320x320, not 320x640"), std::string::npos);
  EXPECT_NE(with([](Report& r) { r.setting.model = "m.json"; }).find("model m.json, not best.json"), std::string::npos);
  EXPECT_NE(with([](Report& r) { r.setting.device = "cuda"; }).find("device"), std::string::npos);
  EXPECT_NE(with([](Report& r) { r.setting.precision = "fp16"; }).find("precision"), std::string::npos);
  EXPECT_NE(with([](Report& r) { r.machine.processor = "B"; }).find("processor B, not A Processor"), std::string::npos);
  EXPECT_NE(with([](Report& r) { r.machine.cores = 8; }).find("cores 8, not 4"), std::string::npos);
  EXPECT_NE(with([](Report& r) { r.machine.instructions = "SSE4"; }).find("instructions"), std::string::npos);
  EXPECT_NE(with([](Report& r) { r.machine.gpu = "G"; }).find("gpu G, not none"), std::string::npos);
  EXPECT_NE(with([](Report& r) { r.network->gflop = 9; }).find("GFLOP 9.00, not 1.50"), std::string::npos);
  const std::string two = with([](Report& r) { r.setting.batch = 8, r.machine.cores = 1; });
  EXPECT_NE(two.find("cores 1, not 4; batch 8, not 1"), std::string::npos) << two;
  // These may differ.
  EXPECT_EQ(with([](Report& r) { r.setting.model = "else/where/best.json"; }), "");
  EXPECT_EQ(with([](Report& r) { r.setting.runs = 7, r.setting.warmup = 0, r.version = "9"; }), "");
  EXPECT_EQ(with([](Report& r) { r.machine.peak_gflops = 90, r.network->gflop = 1.48; }), "");
}

TEST(BenchCompare, RefusesResultsWithNothingInCommon) {
  Report steps = small_report(), network = small_report();
  steps.network.reset();
  network.layers.clear();
  EXPECT_EQ(error_of(steps, network), "before.json: has nothing in common with now.json");
  Report other = small_report();
  other.layers[0].name = "another";
  EXPECT_THROW(compare({{"a", small_report()}, {"b", other}}, {{"c", small_report()}}), Error);
}

TEST(BenchCompare, SaysWhichResultIsFromABusyMachine) {
  Report busy = small_report();
  busy.machine.busy = "something else runs";
  EXPECT_EQ(compare_one(busy, small_report()).busy, "now.json: something else runs");
  EXPECT_EQ(compare_one(small_report(), busy).busy, "before.json: something else runs");
}

TEST(BenchCompare, PrintsTheNetworkAndTheLargestDifferencesFirst) {
  Report now = small_report();
  now.layers[0].time = scaled(now.layers[0].time, 1.2);
  now.layers[2].time = scaled(now.layers[2].time, 0.5);
  Comparison comparison = compare_one(now, small_report());
  std::ostringstream out, busy;
  print_comparison(comparison, out);
  const std::string text = out.str();
  const std::size_t network = text.find("network"), first = text.find("model.0"), second = text.find("model.2");
  EXPECT_LT(network, first) << text;
  EXPECT_LT(first, second) << text;
  EXPECT_NE(second, std::string::npos) << text;
  EXPECT_EQ(text.find("model.1"), std::string::npos) << text;
  EXPECT_NE(text.find("12.000  14.400  1.200"), std::string::npos) << text;
  EXPECT_NE(text.find("slower"), std::string::npos) << text;
  EXPECT_NE(text.find("1 of 3 steps: no difference seen"), std::string::npos) << text;
  EXPECT_EQ(text.find("BUSY"), std::string::npos) << text;
  comparison.busy = "now.json: something else runs";
  print_comparison(comparison, busy);
  EXPECT_NE(busy.str().find("BUSY: the differences are unreliable: now.json: something"), std::string::npos);
  EXPECT_NE(busy.str().find("slower?"), std::string::npos) << busy.str();
}

}  // namespace
}  // namespace cudet::bench::test
