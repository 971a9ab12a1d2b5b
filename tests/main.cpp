// Runs the tests. Prints the skipped tests with their reasons at the end. The last line is `N passed, N failed,
// N skipped`.
#include <gtest/gtest.h>

#include <cstdio>

namespace {

void print_skipped(const testing::UnitTest& run) {
  if (run.skipped_test_count() == 0) return;
  std::printf("\nSKIPPED, so not verified here:\n");
  for (int s = 0; s < run.total_test_suite_count(); ++s) {
    const testing::TestSuite& suite = *run.GetTestSuite(s);
    for (int t = 0; t < suite.total_test_count(); ++t) {
      const testing::TestInfo& test = *suite.GetTestInfo(t);
      const testing::TestResult& result = *test.result();
      if (!result.Skipped()) continue;
      std::printf("  %s.%s", test.test_suite_name(), test.name());
      for (int p = 0; p < result.total_part_count(); ++p)
        if (result.GetTestPartResult(p).skipped()) std::printf(": %s", result.GetTestPartResult(p).message());
      std::printf("\n");
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  const bool all_passed = RUN_ALL_TESTS() == 0;
  if (GTEST_FLAG_GET(list_tests)) return 0;
  const testing::UnitTest& run = *testing::UnitTest::GetInstance();
  print_skipped(run);
  std::printf("%d passed, %d failed, %d skipped\n", run.successful_test_count(), run.failed_test_count(),
              run.skipped_test_count());
  // A filter that matches no test is an error.
  return all_passed && run.successful_test_count() + run.skipped_test_count() > 0 ? 0 : 1;
}
