// The whole program: it measures a small model, and prints, compares and refuses stored results.
#include "apps/bench/command.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "apps/bench/report/json.h"
#include "kernels/instruction_set.h"
#include "tests/apps/bench/reports.h"
#include "tests/apps/command.h"
#include "tests/temporary.h"

namespace cudet::bench::test {
namespace {

using cudet::test::Outcome;

constexpr const char* kModel = "tests/data/tiny/dysample.json";

Outcome run(std::vector<std::string> arguments) {
  return cudet::test::run_command(command, "bench", std::move(arguments));
}

/// Expects exit status 2 and a one-line error that contains `message`.
void expect_refused(const std::vector<std::string>& arguments, const std::string& message) {
  const Outcome outcome = run(arguments);
  EXPECT_EQ(outcome.status, 2) << message;
  EXPECT_EQ(outcome.error.rfind("bench: ", 0), 0u) << outcome.error;
  EXPECT_NE(outcome.error.find(message), std::string::npos) << outcome.error << ", expected: " << message;
  EXPECT_EQ(std::count(outcome.error.begin(), outcome.error.end(), '\n'), 1) << outcome.error;
}

class BenchCommand : public testing::Test {
 protected:
  /// Writes the report to a file and returns its path.
  std::string stored(const std::string& name, const Report& report) const {
    folder_.write(name, to_json(report));
    return folder_.file(name);
  }

  cudet::test::TemporaryFolder folder_;
};

TEST_F(BenchCommand, MeasuresANetworkAndItsSteps) {
  const std::string json = folder_.file("r.json"), csv = folder_.file("r.csv"), svg = folder_.file("r.svg");
  const Outcome outcome = run({kModel, "--device", "cpu", "--layers", "--sweep", "--threads", "1", "--runs", "3",
                               "--warmup", "1", "--json", json, "--csv", csv, "--svg", svg});
  EXPECT_EQ(outcome.status, 0) << outcome.error;
  EXPECT_NE(outcome.out.find("end to end"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("dysample 1x"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("images/s"), std::string::npos) << outcome.out;
  const Report report = read_report(json);
  EXPECT_EQ(report.version, CUDET_VERSION);
  EXPECT_EQ(report.setting.model, kModel);
  EXPECT_EQ(report.setting.device, "cpu");
  EXPECT_EQ(report.setting.threads, 1);
  EXPECT_EQ(report.setting.runs, 3);
  EXPECT_EQ(report.setting.height % 32, 0);
  EXPECT_EQ(report.network->network.samples_ms.size(), 3u);
  EXPECT_GT(report.network->end_to_end.p50_ms, 0);
  EXPECT_GT(report.machine.peak_gflops, 0);
  EXPECT_EQ(report.layers.back().op, "detect_decode");
  EXPECT_FALSE(report.throughput.empty());
  EXPECT_EQ(folder_.text("r.csv").rfind("kind,", 0), 0u);
  EXPECT_EQ(folder_.text("r.svg").rfind("<svg", 0), 0u);
  EXPECT_EQ(folder_.files(), 3);
}

TEST_F(BenchCommand, MeasuresAnOperator) {
  const Outcome outcome =
      run({"--op", "conv2d", "--shape", "1x8x8x4 -> 4 k3x3 p1x1 silu", "--threads", "1", "--runs", "2", "--json", "-"});
  EXPECT_EQ(outcome.status, 0) << outcome.error;
  const Report report = parse_report(outcome.out, "standard output");
  EXPECT_FALSE(report.network);
  EXPECT_EQ(report.setting.model, "");
  ASSERT_GE(report.layers.size(), 2u);
  for (const Measurement& kernel : report.layers) EXPECT_EQ(kernel.op, "conv2d");
  folder_.write("shapes.txt", "# some\nconv2d 1x8x8x4 -> 4 k1x1\ncopy 1x8x8x4\n");
  const Outcome copies = run({"--shapes", folder_.file("shapes.txt"), "--op", "copy", "--threads", "1", "--runs", "2"});
  EXPECT_EQ(copies.status, 0) << copies.error;
  EXPECT_NE(copies.out.find("copy 1x8x8x4"), std::string::npos) << copies.out;
  EXPECT_EQ(copies.out.find("conv2d"), std::string::npos) << copies.out;
}

TEST_F(BenchCommand, MeasuresWithTheGivenInstructionSet) {
  const std::string before = instruction_set(), lowest = instruction_sets().back();
  const Outcome outcome =
      run({"--op", "copy", "--shape", "1x8x8x4", "--isa", lowest, "--threads", "1", "--runs", "2", "--json", "-"});
  use_instruction_set(before);  // the command ran in this process
  EXPECT_EQ(outcome.status, 0) << outcome.error;
  EXPECT_EQ(parse_report(outcome.out, "standard output").machine.instructions, lowest);
}

TEST_F(BenchCommand, PrintsAStoredResult) {
  const std::string path = stored("r.json", small_report());
  const Outcome table = run({"--from", path}), json = run({"--from", path, "--json", "-"});
  EXPECT_EQ(table.status, 0) << table.error;
  EXPECT_NE(table.out.find("A Processor"), std::string::npos) << table.out;
  EXPECT_EQ(json.out, to_json(small_report()));
  EXPECT_EQ(json.error, "");
  EXPECT_EQ(run({"--from", path, "--svg", "-"}).out.rfind("<svg", 0), 0u);
}

TEST_F(BenchCommand, PrintsOnlyThePipedOutputOnStandardOutput) {
  Report busy = small_report();
  busy.machine.busy = "something else runs";
  const std::string path = stored("r.json", busy);
  const Outcome outcome = run({"--from", path, "--json", "-", "--compare", path});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_TRUE(nlohmann::json::accept(outcome.out)) << outcome.out;
  EXPECT_NE(outcome.error.find("bench: times are unreliable: something else runs\n"), std::string::npos)
      << outcome.error;
  EXPECT_NE(outcome.error.find("no difference seen"), std::string::npos) << outcome.error;
}

TEST_F(BenchCommand, ComparesAndFailsOnRequest) {
  Report slow = small_report();
  slow.layers[1].time = times_around(7);
  const std::string before = stored("before.json", small_report()), after = stored("after.json", slow);
  const Outcome printed = run({"--from", after, "--compare", before});
  EXPECT_EQ(printed.status, 0) << printed.error;
  EXPECT_NE(printed.out.find("1.167"), std::string::npos) << printed.out;
  EXPECT_NE(printed.out.find("slower"), std::string::npos) << printed.out;
  const Outcome failed = run({"--from", after, "--compare", before, "--fail-if-slower", "5"});
  EXPECT_EQ(failed.status, 1);
  EXPECT_EQ(failed.error, "bench: slower by more than 5 %: model.1 (17 %)\n");
  EXPECT_EQ(run({"--from", after, "--compare", before, "--fail-if-slower", "20"}).status, 0);
  EXPECT_EQ(run({"--from", before, "--compare", after, "--fail-if-slower", "5"}).status, 0);
  const Outcome several = run({"--from", after, "--from", before, "--compare", before, "--fail-if-slower", "5"});
  EXPECT_EQ(several.status, 0) << several.out;
  EXPECT_EQ(several.out.find("A Processor"), std::string::npos) << several.out;
}

TEST_F(BenchCommand, GivesNoVerdictOnABusyMachine) {
  Report busy = small_report();
  busy.machine.busy = "something else runs";
  const std::string quiet = stored("quiet.json", small_report()), path = stored("busy.json", busy);
  const std::string message = "no verdict from unreliable times: " + path;
  expect_refused({"--from", path, "--compare", quiet, "--fail-if-slower", "5"}, message);
  expect_refused({"--from", quiet, "--compare", path, "--fail-if-slower", "5"}, message);
}

TEST_F(BenchCommand, ReportsErrorsInOneLine) {
  folder_.write("cut.json", to_json(small_report()).substr(0, 1000));
  Report other = small_report();
  other.setting.batch = 8;
  const std::string cut = folder_.file("cut.json"), good = stored("good.json", small_report());
  expect_refused({"none\n.json"}, "none?.json: no such file");
  expect_refused({"--from", cut}, "cut.json: not JSON: error at byte 1001");
  expect_refused({"--from", good, "--compare", cut}, "cut.json: not JSON");
  expect_refused({"--from", good, "--compare", stored("other.json", other)}, "batch 8, not 1");
  expect_refused({"--from", good, "--compare", kModel}, "not a result of bench");
  expect_refused({"--from", good, "--json", folder_.file("no/such/folder/r.json")}, "no/such/folder/r.json");
  expect_refused({"--op", "conv2d", "--shape", "nonsense"}, "nonsense");
  expect_refused({"--op", "conv3d", "--shape", "1x8x8x4"}, "conv3d");
  expect_refused({"--shapes", folder_.file("none.txt")}, "none.txt");
  expect_refused({"--runs", "0"}, "--runs");
  expect_refused({"--isa", "avx9"}, "instruction set avx9: this build has none of that name; there are ");
  Report nothing = small_report();
  nothing.layers.clear();
  expect_refused({"--from", stored("nothing.json", nothing), "--svg", folder_.file("n.svg")}, "nothing to plot");
  EXPECT_FALSE(std::filesystem::exists(folder_.file("n.svg")));
}

TEST_F(BenchCommand, LeavesNoFilesIfItIsKilledWhileItMeasures) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGINT, SIG_DFL);  // a test that runs in the background may have inherited SIG_IGN
    run({"--op", "copy", "--shape", "1x8x8x4", "--threads", "1", "--runs", "100000", "--json", folder_.file("r.json")});
    ::_exit(0);
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(300));  // measuring the machine's peak takes longer
  ::kill(child, SIGINT);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status)) << "it ended too soon";
  EXPECT_EQ(folder_.files(), 0);
}

TEST_F(BenchCommand, PrintsHelpAndVersion) {
  const Outcome help = run({"--help"}), version = run({"--version"});
  EXPECT_EQ(help.status, 0);
  for (const char* option : {"MODEL", "--layers", "--fail-if-slower", "Examples", "Exit status"})
    EXPECT_NE(help.out.find(option), std::string::npos) << option;
  EXPECT_EQ(version.status, 0);
  EXPECT_EQ(version.out, "bench (cudet) " CUDET_VERSION "\n");
}

}  // namespace
}  // namespace cudet::bench::test
