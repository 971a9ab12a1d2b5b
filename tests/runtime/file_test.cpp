#include "runtime/file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "kernels/error.h"
#include "tests/temporary.h"

namespace cudet::test {
namespace {

std::string error_of(const std::string& path, std::size_t most_bytes = 4096) {
  try {
    read_file(path, most_bytes);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(ReadFile, ReadsAllOfIt) {
  const TemporaryFolder folder;
  for (const std::size_t size : {0, 1, 4096, 10000}) {
    const std::string text(size, 'x');
    folder.write("f", text);
    const std::vector<std::byte> bytes = read_file(folder.file("f"), size);
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()), text);
  }
}

TEST(ReadFile, TakesOrdinaryFilesOnly) {
  const TemporaryFolder folder;
  ASSERT_EQ(::mkfifo(folder.file("pipe").c_str(), 0600), 0);
  for (const std::string& path : {folder.path().string(), folder.file("pipe"), std::string("/dev/zero")})
    EXPECT_EQ(error_of(path), path + ": not an ordinary file");
  EXPECT_EQ(error_of(folder.file("none")), folder.file("none") + ": no such file");
  EXPECT_EQ(error_of(folder.file("pipe/f")), folder.file("pipe/f") + ": cannot open: Not a directory");
}

TEST(ReadFile, RefusesLargerOnes) {
  const TemporaryFolder folder;
  folder.write("f", std::string((1 << 20) + 1, 'x'));
  EXPECT_EQ(error_of(folder.file("f"), 1 << 20), folder.file("f") + ": larger than 1 MiB");
}

}  // namespace
}  // namespace cudet::test
