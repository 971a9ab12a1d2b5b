#include "apps/bench/report/table.h"

#include <gtest/gtest.h>

#include <sstream>

#include "apps/bench/report/columns.h"
#include "tests/apps/bench/reports.h"

namespace cudet::bench::test {
namespace {

std::string print(const Report& report) {
  std::ostringstream out;
  print_table(report, out);
  return out.str();
}

/// The last line that begins with `start`.
std::string find_line(const std::string& table, const std::string& start) {
  std::istringstream lines(table);
  std::string found;
  for (std::string line; std::getline(lines, line);)
    if (line.rfind(start, 0) == 0) found = line;
  EXPECT_NE(found, "") << start << " in:\n" << table;
  return found;
}

void expect_contains(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << part << " in: " << text;
}

TEST(Columns, AreAsWideAsTheWidestCell) {
  Columns columns({"<name", "ms"});
  columns.add({"a", "10.5"});
  columns.add({"längste", "7"});
  std::ostringstream out;
  columns.print(out);
  EXPECT_EQ(out.str(), "name       ms\na        10.5\nlängste     7\n");
}

TEST(BenchTable, ShowsMachineSettingAndNetwork) {
  const std::string table = print(small_report());
  expect_contains(table, "A Processor, 4 cores, AVX2");
  expect_contains(table, "peak 100.0 GFLOP/s and 10.0 GB/s");
  expect_contains(table, "some/where/best.json: cpu, fp32, 320x640, batch 1, 2 threads, 31 runs after 5");
  expect_contains(
      table, "1.50 GFLOP at 75.0 GFLOP/s, 75 % of peak; loaded in 35 ms, first result after 120 ms, peak memory 48 MB");
  expect_contains(find_line(table, "network   "), "20.00 ms  19.");
  expect_contains(find_line(table, "end to end"), "21.00 ms");
  EXPECT_EQ(table.find("BUSY"), std::string::npos);
  EXPECT_EQ(table.find("without a graph"), std::string::npos);
}

TEST(BenchTable, ShowsEachStepAndSumsPerOperator) {
  const std::string table = print(small_report());
  expect_contains(find_line(table, "model.1"), "6.000");
  expect_contains(find_line(table, "model.1"), "30.0 %     83.3   0.3     83 %  FMA     conv2d 1x80x80x16 -> 16 k3x3");
  expect_contains(find_line(table, "model.2"), "80 %  memory  upsample");
  expect_contains(find_line(table, "conv2d"), "2  18.000   90.0 %     83.3");
  expect_contains(find_line(table, "all "), "3  20.000  100.0 %");
  EXPECT_EQ(find_line(table, "step").find("error"), std::string::npos);
}

TEST(BenchTable, ShowsTheKernelsOfAnOperatorWithoutSums) {
  Report report = small_report();
  report.setting.model = "";
  report.network.reset();
  report.layers = {step("reference", "conv2d", 12, 1, 4), step("direct", "conv2d", 6, 1, 4)};
  report.layers[1].error = 1.5e-6;
  const std::string table = print(report);
  expect_contains(find_line(table, "kernel"), "error");
  expect_contains(find_line(table, "direct"), "1.5e-06  conv2d");
  EXPECT_EQ(table.find("of time"), std::string::npos) << table;
  EXPECT_EQ(table.find("all "), std::string::npos) << table;
}

TEST(BenchTable, ShowsTheExtraTimesOfCuda) {
  Report report = small_report();
  report.network->launches = times_around(25);
  report.layers[0].cudnn = CudnnTime{"WINOGRAD", 0.5};
  const std::string table = print(report);
  expect_contains(find_line(table, "without a graph"), "25.00 ms");
  expect_contains(find_line(table, "step"), "cuDNN ms");
  expect_contains(find_line(table, "model.0"), "   0.500  conv2d");
}

TEST(BenchTable, ShowsThroughputAsAGrid) {
  Report report = small_report();
  report.throughput = {{1, 1, 10, {9.5, 10.2}}, {1, 2, 18, {17.9, 18.1}}, {8, 2, 20, {20, 20}}};
  const std::string table = print(report);
  EXPECT_NE(table.find("images/s   1 thread  2 threads\n"
                       "batch 1   10.0 ±5 %  18.0 ±1 %\n"
                       "batch 8              20.0 ±0 %\n"),
            std::string::npos)
      << table;
}

TEST(BenchTable, ShowsThatTheMachineIsBusy) {
  Report report = small_report();
  report.machine.busy = "something else runs";
  expect_contains(find_line(print(report), "BUSY"), "times are unreliable: something else runs");
}

}  // namespace
}  // namespace cudet::bench::test
