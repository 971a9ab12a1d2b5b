#include "apps/bench/report/csv.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "tests/apps/bench/reports.h"
#include "tests/runtime/allocations.h"

namespace cudet::bench::test {
namespace {

TEST(BenchCsv, HasOneRowPerMeasurementWithEqualNumbersOfFields) {
  Report report = small_report();
  report.network->graph = times_around(22);
  report.network->launches = times_around(25);
  report.layers[0].error = 1e-6;
  report.layers[1].cudnn = CudnnTime{"WINOGRAD", 0.5};
  report.throughput = {{8, 2, 50, {49, 51}}};
  std::istringstream lines(to_csv(report));
  std::vector<std::string> kinds;
  std::ptrdiff_t commas = -1;
  for (std::string line; std::getline(lines, line);) {
    kinds.push_back(line.substr(0, line.find(',')));
    const auto count = std::count(line.begin(), line.end(), ',');
    if (commas < 0) commas = count;
    EXPECT_EQ(count, commas) << line;
  }
  EXPECT_EQ(kinds, (std::vector<std::string>{"kind", "network", "graph", "launches", "end_to_end", "layer", "layer",
                                             "layer", "throughput"}));
}

TEST(BenchCsv, QuotesTexts) {
  Report report = small_report();
  report.layers[0].name = "a \"b\", c";
  EXPECT_NE(to_csv(report).find("\nlayer,\"a \"\"b\"\", c\",\"conv2d\","), std::string::npos) << to_csv(report);
}

TEST(BenchCsv, IsCompleteOrThrowsWhenAllocationsFail) {
  const Report report = small_report();
  const std::string complete = to_csv(report);
  EXPECT_GT(cudet::test::fail_each_allocation([&] {
              if (to_csv(report) != complete) ADD_FAILURE();
            }),
            5U);
}

}  // namespace
}  // namespace cudet::bench::test
