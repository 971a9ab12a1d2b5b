#include "apps/files/atomic_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <filesystem>

#include "kernels/error.h"
#include "tests/error_of.h"
#include "tests/temporary.h"

namespace cudet::test {
namespace {

namespace fs = std::filesystem;

/// Simulates a full disk by a limit on the file size: a write beyond it fails after a part of the data is written.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) : handler_(::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    rlimit small = before_;
    small.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &small);
  }
  ~FullDisk() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    ::signal(SIGXFSZ, handler_);
  }
  FullDisk(const FullDisk&) = delete;  // the limit is per process
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  rlimit before_{};
  void (*handler_)(int);
};

TEST(AtomicFile, AppearsOnlyWhenCommitted) {
  const TemporaryFolder folder;
  {
    AtomicFile file(folder.file("f"));
    file.write("lost");
  }
  EXPECT_EQ(folder.files(), 0);
  AtomicFile file(folder.file("f"));
  file.write("ke");
  file.write("pt");
  EXPECT_EQ(file.size(), 4u);
  EXPECT_FALSE(fs::exists(folder.file("f")));
  file.overwrite(1, "E");
  file.commit();
  EXPECT_EQ(folder.text("f"), "kEpt");
  EXPECT_EQ(folder.files(), 1);
  {
    AtomicFile again(folder.file("f"));
    again.write("lost");
  }
  EXPECT_EQ(folder.text("f"), "kEpt");
}

TEST(AtomicFile, KeepsASymbolicLink) {
  const TemporaryFolder folder;
  folder.write("f", "old");
  fs::create_symlink("f", folder.path() / "link");
  AtomicFile file(folder.file("link"));
  file.write("through the link");
  file.commit();
  EXPECT_TRUE(fs::is_symlink(folder.path() / "link"));
  EXPECT_EQ(folder.text("f"), "through the link");
}

TEST(AtomicFile, FollowsLinksThatLeadNowhere) {
  const TemporaryFolder folder;
  fs::create_directory(folder.path() / "deep");
  fs::create_symlink("deep/second", folder.path() / "first");
  fs::create_symlink("new", folder.path() / "deep" / "second");
  AtomicFile file(folder.file("first"));
  file.write("made");
  file.commit();
  EXPECT_TRUE(fs::is_symlink(folder.path() / "first"));
  EXPECT_EQ(folder.text("deep/new"), "made");

  fs::create_symlink("circle", folder.path() / "circle");
  EXPECT_EQ(error_of([&] { AtomicFile circle(folder.file("circle")); }),
            folder.file("circle") + ": cannot write: " + std::strerror(ELOOP));
  EXPECT_TRUE(fs::is_symlink(folder.path() / "circle"));
}

TEST(AtomicFile, LeavesAFileThatAppearsBeforeItIsCommittedAsNew) {
  const TemporaryFolder folder;
  AtomicFile file(folder.file("f"));
  file.write("mine");
  folder.write("f", "theirs");
  EXPECT_FALSE(file.commit_new());
  EXPECT_EQ(folder.text("f"), "theirs");
  fs::remove(folder.path() / "f");
  EXPECT_TRUE(file.commit_new());
  EXPECT_EQ(folder.text("f"), "mine");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 1);
}

TEST(AtomicFile, HasItsEndingAfterEachWrite) {
  const TemporaryFolder folder;
  AtomicFile file(folder.file("f"));
  file.write("[", "..]");
  file.write("1", "..]");
  file.write("", "..]");
  file.write(", 22222", "]");
  EXPECT_EQ(file.size(), 9u);
  file.write("", "]");
  file.commit();
  EXPECT_EQ(folder.text("f"), "[1, 22222]");
}

TEST(AtomicFile, KeepsNoPartOfAFailedWrite) {
  const TemporaryFolder folder;
  AtomicFile file(folder.file("f"));
  const FullDisk full(20);
  file.write("0123456789", "]");
  EXPECT_THROW(file.write("abcdefghijklm", "]"), Error);  // 24 with the ending
  EXPECT_THROW(file.write("abcdefghij", "]"), Error);     // 21
  file.write("abcdefghi", "]");
  EXPECT_THROW(file.write("j", "]"), Error);
  file.commit();
  EXPECT_EQ(folder.text("f"), "0123456789abcdefghi]");
}

TEST(AtomicFile, SkipsTemporariesOfKilledProcesses) {
  const TemporaryFolder folder;
  const std::string stale = "f.part" + std::to_string(::getpid()) + "-0";
  folder.write(stale, "stale");
  AtomicFile file(folder.file("f"));
  file.write("new");
  file.commit();
  EXPECT_EQ(folder.text("f"), "new");
  EXPECT_EQ(folder.text(stale), "stale");
}

TEST(AtomicFile, StaysUnderItsTemporaryNameIfItCannotBeRenamed) {
  const TemporaryFolder folder;
  std::string error;
  {
    AtomicFile file(folder.file("f"));
    file.write("kept", "]");
    fs::create_directories(folder.path() / "f" / "g");  // a file cannot replace a folder
    error = error_of([&] { file.commit(); });
  }
  const std::string name = "f.part" + std::to_string(::getpid()) + "-0";
  EXPECT_NE(error.find("what was written is in " + folder.file(name)), std::string::npos) << error;
  EXPECT_EQ(folder.text(name), "kept]");
}

TEST(AtomicFile, WritesFilesWithTheLongestNames) {
  const TemporaryFolder folder;
  const std::string name(255, 'n');
  AtomicFile file(folder.file(name));
  file.write("x");
  file.commit();
  EXPECT_EQ(folder.text(name), "x");
}

TEST(AtomicFile, EndsAPipeThatIsNotCommitted) {
  const TemporaryFolder folder;
  ASSERT_EQ(::mkfifo(folder.file("pipe").c_str(), 0600), 0);
  const int reader = ::open(folder.file("pipe").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  AtomicFile(folder.file("pipe")).write("[1", "]");
  char got[16] = {};
  EXPECT_EQ(::read(reader, got, sizeof got), 3);
  EXPECT_STREQ(got, "[1]");
  ::close(reader);
}

TEST(AtomicFile, WritesToAPipeDirectly) {
  const TemporaryFolder folder;
  ASSERT_EQ(::mkfifo(folder.file("pipe").c_str(), 0600), 0);
  const int reader = ::open(folder.file("pipe").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  AtomicFile file(folder.file("pipe"));
  file.write("[", "]");
  file.write("1", "]");
  file.commit();
  char got[16] = {};
  EXPECT_EQ(::read(reader, got, sizeof got), 3);
  ::close(reader);
  EXPECT_STREQ(got, "[1]");
  EXPECT_EQ(folder.files(), 1);
}

TEST(AtomicFile, NamesThePathThatCannotBeWritten) {
  const TemporaryFolder folder;
  EXPECT_THROW(AtomicFile(folder.path().string()), Error);
  try {
    AtomicFile file(folder.file("none/f"));
    ADD_FAILURE() << "there is no such folder";
  } catch (const Error& error) {
    EXPECT_EQ(error.what(), folder.file("none/f") + ": cannot write: No such file or directory");
  }
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "NOT RUN, there is no /dev/full: the test of a full disk";
  AtomicFile full("/dev/full");
  EXPECT_THROW(full.write("x"), Error);
}

}  // namespace
}  // namespace cudet::test
