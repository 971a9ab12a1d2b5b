#include "apps/files/signals.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "apps/files/write_stream.h"
#include "tests/temporary.h"

namespace cudet::test {
namespace {

namespace fs = std::filesystem;

constexpr int kSignals[] = {SIGINT,  SIGTERM, SIGHUP,    SIGQUIT, SIGXCPU, SIGALRM,  SIGUSR1,
                            SIGUSR2, SIGPROF, SIGVTALRM, SIGPOLL, SIGPWR,  SIGSTKFLT};

/// A test that runs in the background may have inherited ignored signals.
void take_signals() {
  for (const int signal : kSignals) ::signal(signal, SIG_DFL);
  end_at_signals("test");
}

TEST(SignalsDeathTest, TheFirstSetsTheFlagAndTheSecondEndsTheProgram) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  const auto interrupt = [](int signal, int times) {
    take_signals();
    finish_at_signals();
    if (interrupted()) std::_Exit(2);
    for (int i = 0; i < times; ++i) ::raise(signal);
    std::_Exit(interrupted() ? 0 : 1);
  };
  EXPECT_EXIT(interrupt(SIGINT, 1), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(interrupt(SIGTERM, 1), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(interrupt(SIGHUP, 1), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(interrupt(SIGINT, 2), testing::KilledBySignal(SIGINT), "^test: interrupted\n$");
  EXPECT_EXIT(interrupt(SIGPIPE, 1), testing::ExitedWithCode(1), "");
  EXPECT_EXIT(interrupt(SIGXFSZ, 1), testing::ExitedWithCode(1), "");
}

TEST(Signals, RemovePartFiles) {
  const TemporaryFolder folder;
  for (const int signal : kSignals) {
    for (const char* name : {"removed", "kept"}) folder.write(name, "x");
    const pid_t child = ::fork();  // not a death test: that runs in another folder
    if (child == 0) {
      take_signals();
      PartFile removed(folder.file("removed")), kept(folder.file("kept"));
      kept.keep();
      ::raise(signal);
      std::_Exit(1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == signal);
    EXPECT_FALSE(fs::exists(folder.path() / "removed"));
    EXPECT_TRUE(fs::exists(folder.path() / "kept"));
  }
}

TEST(SignalsDeathTest, IgnoredOnesStayIgnored) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  const auto hang_up = [] {
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::signal(signal, SIG_IGN);
    end_at_signals("test");
    ::raise(SIGHUP);
    finish_at_signals();
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::raise(signal);
    std::_Exit(interrupted() ? 1 : 0);
  };
  EXPECT_EXIT(hang_up(), testing::ExitedWithCode(0), "^$");
}

TEST(SignalsDeathTest, HandlersOfTheProgramStay) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  const auto profile = [] {
    ::signal(SIGPROF, [](int) { std::_Exit(3); });
    end_at_signals("test");
    finish_at_signals();
    ::raise(SIGPROF);
    std::_Exit(0);
  };
  EXPECT_EXIT(profile(), testing::ExitedWithCode(3), "^$");
}

TEST(PartFile, IsNamedIfItCannotBeRemoved) {
  const TemporaryFolder folder;
  const std::string path = folder.path().string();  // unlink() does not remove folders
  testing::internal::CaptureStderr();
  { const PartFile part(path); }
  EXPECT_NE(testing::internal::GetCapturedStderr().find(": cannot remove " + path + ": "), std::string::npos);
}

TEST(PartFile, IsRemovedUnlessKept) {
  const TemporaryFolder folder;
  for (const bool keep : {true, false}) {
    folder.write("part", "x");
    PartFile part(folder.file("part"));
    if (keep) part.keep();
  }
  EXPECT_EQ(folder.files(), 0);
  folder.write("part", "x");
  PartFile(folder.file("part")).keep();
  EXPECT_EQ(folder.files(), 1);
}

/// A pipe whose ends do not block, closed at the end.
struct Pipe {
  Pipe() { EXPECT_EQ(::pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0); }
  ~Pipe() {
    for (const int end : ends) ::close(end);
  }
  int ends[2] = {-1, -1};
};

TEST(WriteStream, WaitsForASlowReader) {
  const Pipe pipe;
  const std::string text(1 << 20, 'x');  // more than a pipe holds
  std::size_t got = 0;
  std::thread reader([&] {
    std::string piece(1 << 16, ' ');
    while (got < text.size()) {
      const ssize_t count = ::read(pipe.ends[0], piece.data(), piece.size());
      if (count > 0) got += static_cast<std::size_t>(count);
      if (count <= 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  EXPECT_EQ(write_stream(pipe.ends[1], text), 0);
  reader.join();
  EXPECT_EQ(got, text.size());
}

TEST(WriteStream, ReturnsTheError) {
  int closed = 0;
  {
    const Pipe pipe;
    closed = pipe.ends[1];
  }
  EXPECT_EQ(write_stream(closed, "x"), EBADF);
  EXPECT_EQ(write_stream(closed, ""), 0);
  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  EXPECT_EQ(write_stream(full, "x"), ENOSPC);
  ::close(full);
}

TEST(WriteStreamDeathTest, GivesUpAfterASignalIfNobodyReads) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  const auto run = [] {
    take_signals();
    finish_at_signals();
    const Pipe pipe;
    std::thread later([] {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      ::raise(SIGTERM);
    });
    const int error = write_stream(pipe.ends[1], std::string(1 << 20, 'x'));
    later.join();
    std::_Exit(error == ECANCELED ? 0 : 1);
  };
  EXPECT_EXIT(run(), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace cudet::test
