// The build as users see it: scripts that run make.
#include <gtest/gtest.h>

#include <cstdlib>

namespace cudet::test {

TEST(Install, ProgramOfTheReadmeBuildsAndRuns) {
  EXPECT_EQ(std::system("tests/install/install.sh"), 0);
}

TEST(Install, DemoCompilesForTheGpuHereOrForTheCpuAlone) {
  EXPECT_EQ(std::system("tests/install/demo.sh"), 0);
}

TEST(Install, ShardsSumUpTheirTests) {
  EXPECT_EQ(std::system("tests/install/shards.sh"), 0);
}

}  // namespace cudet::test
