#include "apps/files/same_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "tests/temporary.h"

namespace cudet::test {
namespace {

namespace fs = std::filesystem;

TEST(SameFile, ResolvesOutputsThatDoNotExist) {
  const TemporaryFolder folder;
  fs::create_directory(folder.path() / "d");
  fs::create_symlink("../new", folder.path() / "d" / "link");
  const std::string target = fs::weakly_canonical(folder.path() / "new").string();
  EXPECT_EQ(resolve_output(folder.file("new")), target);
  EXPECT_EQ(resolve_output(folder.file("d/link")), target);
  EXPECT_EQ(resolve_output(folder.file("d/../new")), target);
}

/// What standard output is in the current scope.
class Output {
 public:
  explicit Output(int descriptor) : before_(::dup(STDOUT_FILENO)) { ::dup2(descriptor, STDOUT_FILENO); }
  ~Output() {
    ::dup2(before_, STDOUT_FILENO);
    ::close(before_);
  }
  Output(const Output&) = delete;  // restores the stream once
  Output& operator=(const Output&) = delete;

 private:
  int before_;
};

TEST(SameFile, KnowsStandardOutputByItsNames) {
  const TemporaryFolder folder;
  folder.write("out");
  const int file = ::open(folder.file("out").c_str(), O_WRONLY), device = ::open("/dev/null", O_WRONLY);
  int pipe[2];
  ASSERT_EQ(::pipe(pipe), 0);
  {
    const Output output(file);
    for (const std::string& path : {std::string("-"), std::string("/dev/stdout"), std::string("/dev/fd/1"),
                                    std::string("/proc/self/fd/1"), folder.file("out")})
      EXPECT_TRUE(is_standard_output(path)) << path;
    EXPECT_FALSE(is_standard_output(folder.file("other")));
    EXPECT_FALSE(is_standard_output(""));
  }
  {
    const Output output(pipe[1]);
    EXPECT_TRUE(is_standard_output("/dev/fd/1"));
  }
  {
    const Output output(device);
    EXPECT_FALSE(is_standard_output("/dev/null"));
  }
  for (const int descriptor : {file, device, pipe[0], pipe[1]}) ::close(descriptor);
}

}  // namespace
}  // namespace cudet::test
