#include "apps/inspect/command.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "tests/apps/command.h"

namespace cudet::inspect::test {
namespace {

constexpr const char* kModel = "tests/data/tiny/dysample.json";

using cudet::test::Outcome;

Outcome run(std::vector<std::string> arguments) {
  return cudet::test::run_command(command, "inspect", std::move(arguments));
}

/// Status 2, and one line that says why.
void expect_refused(const std::vector<std::string>& arguments, const std::string& why) {
  const Outcome outcome = run(arguments);
  EXPECT_EQ(outcome.status, 2) << why;
  EXPECT_EQ(outcome.error.rfind("inspect: ", 0), 0u) << outcome.error;
  EXPECT_NE(outcome.error.find(why), std::string::npos) << outcome.error << ", expected: " << why;
  EXPECT_EQ(std::count(outcome.error.begin(), outcome.error.end(), '\n'), 1) << outcome.error;
  EXPECT_TRUE(outcome.out.empty()) << outcome.out;
}

/// The number that follows `what`.
double number_behind(const std::string& text, const std::string& what) {
  const std::size_t at = text.find(what);
  if (at == std::string::npos) {
    ADD_FAILURE() << what << " is not in: " << text;
    return -1;
  }
  return std::stod(text.substr(at + what.size()));
}

TEST(InspectCommand, PrintsTheTable) {
  const Outcome outcome = run({kModel, "--batch", "8", "--imgsz", "97x320"});
  EXPECT_EQ(outcome.status, 0) << outcome.error;
  EXPECT_NE(outcome.out.find("DySample"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find(", input 128x320\n"), std::string::npos) << outcome.out;
  const double arena = number_behind(outcome.out, "arena "), all = number_behind(outcome.out, "all buffers together "),
               peak = number_behind(outcome.out, "needed at once ");
  EXPECT_GT(peak, 0);
  EXPECT_GE(arena, peak);
  EXPECT_GT(all, arena);
  const double fp32 = number_behind(outcome.out, "CUDA fp32, batch 8: "),
               fp16 = number_behind(outcome.out, "CUDA fp16, batch 8: ");
  EXPECT_GT(fp16, 2);  // a picture's strip alone
  EXPECT_GT(fp32, fp16);
}

TEST(InspectCommand, PrintsTheProgramBelowALegend) {
  const Outcome outcome = run({kModel, "--program"});
  EXPECT_EQ(outcome.status, 0) << outcome.error;
  EXPECT_EQ(outcome.out.rfind("Sizes are rows x columns x channels", 0), 0u) << outcome.out;
  EXPECT_NE(outcome.out.find("\nstep  operator "), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find(" 1 detect_decode, "), std::string::npos) << outcome.out;
}

TEST(InspectCommand, PrintsJson) {
  const Outcome outcome = run({kModel, "--json", "--program"});
  EXPECT_EQ(outcome.status, 0) << outcome.error;
  const nlohmann::json json = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(json["model"], kModel);
  EXPECT_EQ(json["program"].back()["op"], "detect_decode");
  const nlohmann::json& memory = json["memory"];
  EXPECT_GE(memory["arena_bytes"], memory["live_peak_bytes"]);
  EXPECT_GE(memory["activation_bytes"], memory["arena_bytes"]);
  const nlohmann::json& cuda = memory["cuda_fp16"];
  std::size_t sum = 0;
  for (const char* part : {"weight", "arena", "input", "candidate", "scratch", "picture"})
    sum += cuda[std::string(part) + "_bytes"].get<std::size_t>();
  EXPECT_EQ(cuda["bytes"], sum);
}

TEST(InspectCommand, PrintsTheShapesThatBenchHas) {
  for (const auto& [model, file] :
       {std::pair("weights/yolov8.json", "apps/bench/shapes/yolov8n.txt"),
        std::pair("weights/yolov8-dysample.json", "apps/bench/shapes/yolov8n-dysample.txt")}) {
    std::stringstream shapes;
    shapes << std::ifstream(file).rdbuf();
    const Outcome outcome = run({model, "--scale", "n", "--imgsz", "640", "--shapes"});
    EXPECT_EQ(outcome.status, 0) << outcome.error;
    EXPECT_EQ(outcome.out, shapes.str()) << file << ": inspect " << model << " --scale n --shapes makes it anew";
  }
  const Outcome small = run({kModel, "--imgsz", "97x320", "--batch", "2", "--shapes"});
  EXPECT_NE(small.out.find(", batch 2, input 128x320\nconv2d 2x128x320x3 -> "), std::string::npos) << small.out;
  EXPECT_EQ(small.out.find("max_pool", small.out.find("max_pool") + 1), std::string::npos) << "thrice the same";
  EXPECT_NE(small.out.find("  # 3 times\n"), std::string::npos) << small.out;
}

TEST(InspectCommand, SaysInOneLineWhatIsWrong) {
  expect_refused({}, "MODEL");
  expect_refused({kModel, "--no-such\noption"}, "--no-such?option");
  expect_refused({"none\n.json"}, "none?.json: no such file");
  expect_refused({kModel, "--imgsz", "640x"}, "--imgsz 640x: expected N or HxW");
  expect_refused({kModel, "--imgsz="}, "--imgsz");
  expect_refused({kModel, "--batch", "0"}, "--batch");
  expect_refused({kModel, "--scale", "q"}, kModel);
  expect_refused({kModel, "--shapes", "--json"}, "--shapes");
}

TEST(InspectCommand, HelpsAndTellsItsVersion) {
  const Outcome help = run({"--help"}), version = run({"--version"});
  EXPECT_EQ(help.status, 0);
  EXPECT_NE(help.out.find("--program"), std::string::npos);
  EXPECT_EQ(version.status, 0);
  EXPECT_EQ(version.out, "inspect (cudet) " CUDET_VERSION "\n");
}

}  // namespace
}  // namespace cudet::inspect::test
