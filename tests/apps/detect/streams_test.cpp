// Programs whose standard streams are closed, full or not read, and signals that end them.
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <chrono>
#include <csignal>
#include <nlohmann/json.hpp>
#include <thread>

#include "runtime/model/file.h"
#include "tests/apps/detect/cli.h"
#include "tests/runtime/huge_weights.h"

namespace cudet::test {
namespace {

using nlohmann::json;

class Streams : public Cli {
 protected:
  /// Runs a command of the shell, in which $detect and $convert are the programs and $folder is a temporary folder.
  int shell(const std::string& command) const {
    const std::string text = "folder='" + folder_.path().string() + "' detect='" + program() + "' convert='" +
                             program("convert") + "'; " + command;
    const int status = std::system(text.c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  /// A run that takes longer than any test.
  Arguments endless(const std::string& json_path) const {
    std::ofstream list(folder_.file("list.txt"));
    for (int i = 0; i < 100000; ++i) list << kImages << "rgb.png\n";
    return {"--model", kModel, "--no-draw", "--conf", "0.001", "--json", json_path, folder_.file("list.txt")};
  }

  void wait_for(const std::string& file) const {
    for (int i = 0; i < 600 && !(std::filesystem::exists(file) && std::filesystem::file_size(file) > 0); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
};

TEST_F(Streams, AClosedOneIsNotReplacedByAFile) {
  if (::access(program("convert").c_str(), X_OK) != 0) GTEST_SKIP() << program("convert") << " does not exist";
  EXPECT_EQ(shell("$convert tests/data/pt/plain.pt -o $folder/out >&-"), 0);
  EXPECT_EQ(json::parse(folder_.text("out.json"))["format"], "cudet-model");
  EXPECT_EQ(shell("$detect --model " + kModel + " --no-draw --json - " + kImages + "rgb.png >&- 2>$folder/err"), 2);
  EXPECT_EQ(folder_.text("err"), "detect: standard output: cannot write: Bad file descriptor\n");
  EXPECT_EQ(shell("$convert none.pt -o $folder/two 2>&-"), 2);
  EXPECT_EQ(shell("$convert tests/data/pt/plain.pt -o $folder/k >$folder/k.json 2>$folder/err"), 2);
  EXPECT_EQ(shell("$convert tests/data/tiny/plain.json --int8 " + kImages + " -o $folder/k >$folder/k.json"), 2);
  EXPECT_EQ(shell("$detect --model " + kModel + " --no-draw --json $folder/r.json " + kImages + "rgb.png <&- >&- 2>&-"),
            0);
  EXPECT_EQ(json::parse(folder_.text("r.json"))["images"].size(), 1u);
}

TEST_F(Streams, AnIgnoredHangUpStaysIgnored) {
  Arguments arguments = endless(folder_.file("r.json"));
  arguments.insert(arguments.end(), {"--txt", folder_.file("txt")});
  const auto before = ::signal(SIGHUP, SIG_IGN);  // the program inherits it, as from nohup
  const pid_t child = start(arguments);
  ::signal(SIGHUP, before);
  wait_for(folder_.file("txt/rgb-2.txt"));
  ::kill(child, SIGHUP);
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  EXPECT_EQ(::waitpid(child, nullptr, WNOHANG), 0) << "the hang-up ended it";
  ::kill(child, SIGTERM);
  EXPECT_EQ(end(child).status, 1);
  EXPECT_GE(json::parse(folder_.text("r.json"))["images"].size(), 1u);
}

TEST_F(Streams, NothingIsWrittenIfAnotherOutputCannotBe) {
  const Ended ended = detect({"--json", "-", "--csv", "/nonexistent/x", kImages + "rgb.png"});
  expect_refused(ended, "/nonexistent/x");  // which also checks that there is no output
}

TEST_F(Streams, ATerminationEndsARunThatNobodyReads) {
  int ends[2] = {-1, -1};
  ASSERT_EQ(::pipe(ends), 0);
  Arguments arguments = endless("-");
  arguments.insert(arguments.end(), {"--csv", folder_.file("r.csv")});
  const pid_t child = start(arguments, "/dev/null", "/dev/fd/" + std::to_string(ends[1]));
  const auto waiting = [&] {
    int bytes = 0;
    ::ioctl(ends[0], FIONREAD, &bytes);
    return bytes;
  };
  for (int i = 0, before = -1, now = 0; i < 600 && (now == 0 || now != before); ++i) {  // until the pipe is full
    before = now;
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    now = waiting();
  }
  ::kill(child, SIGTERM);
  const Ended ended = end(child);
  for (const int descriptor : ends) ::close(descriptor);
  EXPECT_EQ(ended.status, 1) << ended.err;
  EXPECT_NE(ended.err.find("standard output: cannot write"), std::string::npos) << ended.err;
  const std::string csv = folder_.text("r.csv");
  EXPECT_GT(std::count(csv.begin(), csv.end(), '\n'), 1);
  EXPECT_TRUE(csv.starts_with("file,class,name,score") && csv.ends_with("\n"));
}

TEST_F(Streams, ANetworkOfOtherChannelsIsRefused) {
  expect_refused(run({"--model", "tests/data/cases/five-channels.pt", "--no-draw", kImages + "rgb.png"}),
                 "five-channels.pt: the network's input has 5 channels, an image has 1, 3 or 4");
}

TEST_F(Streams, ValuesThatAreNotFiniteAreTold) {
  huge_weights_model(folder_);
  EXPECT_EQ(shell("$detect --device cpu --model " + kModel + " --weights $folder/huge.safetensors --no-draw " +
                  kImages + "rgb.png >$folder/out 2>$folder/err"),
            1);
  EXPECT_EQ(folder_.text("err"),
            "detect: " + kImages + "rgb.png: the network's values are not finite: boxes are missing\n");
}

TEST_F(Streams, SharedImageIdsAreTold) {
  for (const char* name : {"a/7.png", "b/007.png", "c/8.png"}) {
    folder_.write(name);
    std::filesystem::copy_file(kImages + "rgb.png", folder_.file(name),
                               std::filesystem::copy_options::overwrite_existing);
  }
  const Ended ended = detect(
      {"--coco", folder_.file("c.json"), folder_.file("a/7.png"), folder_.file("b/007.png"), folder_.file("c/8.png")});
  EXPECT_EQ(ended.status, 0);
  EXPECT_EQ(std::count(ended.err.begin(), ended.err.end(), '\n'), 1) << ended.err;
  EXPECT_NE(ended.err.find("image_id 7 of --coco stands for " + folder_.file("a/7.png") + " and " +
                           folder_.file("b/007.png")),
            std::string::npos)
      << ended.err;
}

}  // namespace
}  // namespace cudet::test
