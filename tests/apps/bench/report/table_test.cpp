#include "apps/bench/report/table.h"

#include <gtest/gtest.h>

#include <sstream>

#include "apps/bench/report/columns.h"
#include "tests/apps/bench/reports.h"

namespace cudet::bench::test {
namespace {

std::string table_of(const Report& report) {
  std::ostringstream out;
  print_table(report, out);
  return out.str();
}

/// The line that begins with `start`; the last of them.
std::string line_of(const std::string& table, const std::string& start) {
  std::istringstream lines(table);
  std::string found;
  for (std::string line; std::getline(lines, line);)
    if (line.rfind(start, 0) == 0) found = line;
  EXPECT_NE(found, "") << start << " in:\n" << table;
  return found;
}

void expect_in(const std::string& text, const std::string& what) {
  EXPECT_NE(text.find(what), std::string::npos) << what << " in: " << text;
}

TEST(Columns, AreAsWideAsTheWidestCell) {
  Columns columns({"<name", "ms"});
  columns.add({"a", "10.5"});
  columns.add({"längste", "7"});
  std::ostringstream out;
  columns.print(out);
  EXPECT_EQ(out.str(), "name       ms\na        10.5\nlängste     7\n");
}

TEST(BenchTable, TellsMachineSettingAndNetwork) {
  const std::string table = table_of(small_report());
  expect_in(table, "A Processor, 4 cores, AVX2");
  expect_in(table, "at most 100.0 GFLOP/s and 10.0 GB/s");
  expect_in(table, "some/where/best.json: cpu, fp32, 320x640, batch 1, 2 threads, 31 runs after 5");
  expect_in(table, "1.50 GFLOP at 75.0 GFLOP/s, 75 % of the most; loaded in 35 ms, first result after 120 ms, 48 MB");
  expect_in(line_of(table, "network   "), "20.00 ms  19.");
  expect_in(line_of(table, "end to end"), "21.00 ms");
  EXPECT_EQ(table.find("BUSY"), std::string::npos);
  EXPECT_EQ(table.find("without a graph"), std::string::npos);
}

TEST(BenchTable, HasEachStepAndSumsOverOperators) {
  const std::string table = table_of(small_report());
  expect_in(line_of(table, "model.1"), "6.000");
  expect_in(line_of(table, "model.1"), "30.0 %     83.3   0.3     83 %  FMA     conv2d 1x80x80x16 -> 16 k3x3");
  expect_in(line_of(table, "model.2"), "80 %  memory  upsample");
  expect_in(line_of(table, "conv2d"), "2  18.000   90.0 %     83.3");
  expect_in(line_of(table, "all "), "3  20.000  100.0 %");
  EXPECT_EQ(line_of(table, "step").find("error"), std::string::npos);
}

TEST(BenchTable, OfAnOperatorHasItsKernelsAndNoSums) {
  Report report = small_report();
  report.setting.model = "";
  report.network.reset();
  report.layers = {step("reference", "conv2d", 12, 1, 4), step("direct", "conv2d", 6, 1, 4)};
  report.layers[1].error = 1.5e-6;
  const std::string table = table_of(report);
  expect_in(line_of(table, "kernel"), "error");
  expect_in(line_of(table, "direct"), "1.5e-06  conv2d");
  EXPECT_EQ(table.find("of time"), std::string::npos) << table;
  EXPECT_EQ(table.find("all "), std::string::npos) << table;
}

TEST(BenchTable, TellsWhatCudaHasBesides) {
  Report report = small_report();
  report.network->launches = times_round(25);
  report.layers[0].cudnn = CudnnTime{"WINOGRAD", 0.5};
  const std::string table = table_of(report);
  expect_in(line_of(table, "without a graph"), "25.00 ms");
  expect_in(line_of(table, "step"), "cuDNN ms");
  expect_in(line_of(table, "model.0"), "   0.500  conv2d");
}

TEST(BenchTable, HasAGridOfThroughput) {
  Report report = small_report();
  report.throughput = {{1, 1, 10, {9.5, 10.2}}, {1, 2, 18, {17.9, 18.1}}, {8, 2, 20, {20, 20}}};
  const std::string table = table_of(report);
  EXPECT_NE(table.find("pictures/s   1 thread  2 threads\n"
                       "batch 1     10.0 ±5 %  18.0 ±1 %\n"
                       "batch 8                20.0 ±0 %\n"),
            std::string::npos)
      << table;
}

TEST(BenchTable, SaysThatTheMachineIsBusy) {
  Report report = small_report();
  report.machine.busy = "something else runs";
  expect_in(line_of(table_of(report), "BUSY"), "times mean little: something else runs");
}

}  // namespace
}  // namespace cudet::bench::test
