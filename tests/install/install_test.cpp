#include <gtest/gtest.h>

#include <cstdlib>

namespace cudet::test {

TEST(Install, ProgramOfTheReadmeBuildsAndRuns) {
  EXPECT_EQ(std::system("tests/install/install.sh"), 0);
}

}  // namespace cudet::test
