#include "runtime/model/file.h"

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

TEST(ReadFile, ReadsTheWholeFile) {
  const TemporaryFolder folder;
  for (const std::size_t size : {0, 1, 4096, 10000}) {
    const std::string text(size, 'x');
    folder.write("f", text);
    const std::vector<std::byte> bytes = read_file(folder.file("f"), size);
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()), text);
  }
}

TEST(ReadFile, RejectsAllButOrdinaryFiles) {
  const TemporaryFolder folder;
  ASSERT_EQ(::mkfifo(folder.file("pipe").c_str(), 0600), 0);
  for (const std::string& path : {folder.path().string(), folder.file("pipe"), std::string("/dev/zero")})
    EXPECT_EQ(error_of(path), path + ": not a regular file");
  EXPECT_EQ(error_of(folder.file("none")), folder.file("none") + ": no such file");
  EXPECT_EQ(error_of(folder.file("pipe/f")), folder.file("pipe/f") + ": cannot open: Not a directory");
}

TEST(ReadFile, RejectsFilesAboveTheLimit) {
  const TemporaryFolder folder;
  folder.write("f", std::string((1 << 20) + 1, 'x'));
  EXPECT_EQ(error_of(folder.file("f"), 1 << 20), folder.file("f") + ": larger than 1 MiB");
}

TEST(File, ReadsAnyRange) {
  const TemporaryFolder folder;
  folder.write("f", "0123456789");
  const File file(folder.file("f"));
  EXPECT_EQ(file.path(), folder.file("f"));
  EXPECT_EQ(file.bytes(), 10u);
  std::string piece(4, ' ');
  for (const std::size_t offset : {6, 0, 3}) {
    file.read(offset, std::as_writable_bytes(std::span(piece)));
    EXPECT_EQ(piece, std::string("0123456789").substr(offset, 4));
  }
}

TEST(File, KeepsReadingAfterTheFileIsReplaced) {
  const TemporaryFolder folder;
  folder.write("f", "before");
  const File file(folder.file("f"));
  folder.write("g", "after!");
  std::filesystem::rename(folder.file("g"), folder.file("f"));
  std::string all(6, ' ');
  file.read(0, std::as_writable_bytes(std::span(all)));
  EXPECT_EQ(all, "before");
}

TEST(File, RejectsAFileThatWasModifiedSinceItWasOpened) {
  const TemporaryFolder folder;
  const auto error_after = [&](auto change) {
    folder.write("f", "before");
    const File file(folder.file("f"));
    change();
    std::string all(6, ' ');
    try {
      file.read(0, std::as_writable_bytes(std::span(all)));
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  const std::string changed = folder.file("f") + ": was written to while it was in use";
  EXPECT_EQ(error_after([] {}), "");
  EXPECT_EQ(error_after([&] { std::filesystem::resize_file(folder.file("f"), 5); }), changed);
  EXPECT_EQ(error_after([&] { folder.write("f", "longer than before"); }), changed);
  EXPECT_EQ(error_after([&] {
              folder.write("f", "BEFORE");
              std::filesystem::last_write_time(folder.file("f"),
                                               std::filesystem::file_time_type::clock::now() + std::chrono::seconds(1));
            }),
            changed);
}

}  // namespace
}  // namespace cudet::test
