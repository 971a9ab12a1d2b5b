// Runs the program build/detect (or $CUDET_BIN/detect) on small models with random weights.
#pragma once
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <string>
#include <vector>

#include "tests/temporary.h"

namespace cudet::test {

using Arguments = std::vector<std::string>;

inline const std::string kModel = "tests/data/tiny/plain.json", kImages = "tests/data/images/";

/// The path of one of the programs.
inline std::string program(const std::string& name = "detect") {
  const char* folder = std::getenv("CUDET_BIN");
  return std::string(folder != nullptr ? folder : "build") + "/" + name;
}

struct Ended {
  int status;  // exit status; 128 + signal if a signal ended the program
  std::string out, err;
};

class Cli : public testing::Test {
 protected:
  void SetUp() override {
    if (::access(program().c_str(), X_OK) != 0)
      GTEST_SKIP() << program() << " does not exist: build it, or set CUDET_BIN";
    if (::access(kModel.c_str(), R_OK) != 0) GTEST_SKIP() << kModel << " does not exist";
  }

  /// Starts the program with its standard streams redirected to files of the folder; `input` and `out` name other
  /// files.
  pid_t start(const Arguments& arguments, const std::string& input = "/dev/null", const std::string& out = "") const {
    Arguments all = arguments;
    all.insert(all.begin(), program());
    std::vector<char*> argv;
    for (std::string& argument : all) argv.push_back(argument.data());
    argv.push_back(nullptr);
    const std::string out_path = out.empty() ? folder_.file("stdout") : out, err_path = folder_.file("stderr");
    const pid_t child = ::fork();
    if (child == 0) {
      ::signal(SIGINT, SIG_DFL);  // a test that runs in the background has inherited SIG_IGN
      ::dup2(::open(input.c_str(), O_RDONLY), STDIN_FILENO);
      ::dup2(::open(out_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644), STDOUT_FILENO);
      ::dup2(::open(err_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644), STDERR_FILENO);
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
    return child;
  }
  Ended end(pid_t child) const {
    int status = 0;
    ::waitpid(child, &status, 0);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), folder_.text("stdout"),
            folder_.text("stderr")};
  }
  Ended run(const Arguments& arguments, const std::string& input = "/dev/null", const std::string& out = "") const {
    return end(start(arguments, input, out));
  }
  /// Runs with kModel, without drawing, and with a low threshold, since random weights give low scores.
  Ended detect(Arguments arguments, const std::string& input = "/dev/null", const std::string& out = "") const {
    const Arguments first = {"--model", kModel, "--no-draw", "--conf", "0.001"};
    arguments.insert(arguments.begin(), first.begin(), first.end());
    return run(arguments, input, out);
  }
  /// Checks that the program did not start and printed one error line that contains `word`.
  void expect_refused(const Ended& ended, const std::string& word) const {
    EXPECT_EQ(ended.status, 2) << ended.err;
    EXPECT_EQ(std::count(ended.err.begin(), ended.err.end(), '\n'), 1) << ended.err;
    EXPECT_EQ(ended.err.rfind("detect: ", 0), 0u) << ended.err;
    EXPECT_NE(ended.err.find(word), std::string::npos) << word << " in " << ended.err;
    EXPECT_EQ(ended.out, "");
  }

  TemporaryFolder folder_;
};

}  // namespace cudet::test
