#include "apps/files/glob.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/temporary.h"

namespace cudet::test {
namespace {

namespace fs = std::filesystem;

TEST(Glob, EndsAmongLinksToFoldersAbove) {
  const TemporaryFolder folder;
  folder.write("a.png");
  for (const char* link : {"x", "y", "z"}) fs::create_directory_symlink(".", folder.path() / link);
  const GlobMatches all = expand_glob(folder.file("*/*/*.png"));
  EXPECT_EQ(all.paths.size(), 9u);
  EXPECT_TRUE(all.problems.empty());
  for (const char* pattern : {"*/*/*/*/*/*/*/*/*/*/*/*/*.png", "**/*/*/*/*/*/*/*/*/*/*.png"}) {
    const GlobMatches some = expand_glob(folder.file(pattern), 1000);
    EXPECT_EQ(some.problems, std::vector<std::string>{"a pattern matches more than 1000 folders"});
  }
}

}  // namespace
}  // namespace cudet::test
