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

/// Expects exit status 2 and a one-line error that contains `message`.
void expect_refused(const std::vector<std::string>& arguments, const std::string& message) {
  const Outcome outcome = run(arguments);
  EXPECT_EQ(outcome.status, 2) << message;
  EXPECT_EQ(outcome.error.rfind("inspect: ", 0), 0u) << outcome.error;
  EXPECT_NE(outcome.error.find(message), std::string::npos) << outcome.error << ", expected: " << message;
  EXPECT_EQ(std::count(outcome.error.begin(), outcome.error.end(), '\n'), 1) << outcome.error;
  EXPECT_TRUE(outcome.out.empty()) << outcome.out;
}

/// The number after the first occurrence of `label`.
double number_after(const std::string& text, const std::string& label) {
  const std::size_t at = text.find(label);
  if (at == std::string::npos) {
    ADD_FAILURE() << label << " is not in: " << text;
    return -1;
  }
  return std::stod(text.substr(at + label.size()));
}

// Expected values: Ultralytics' totals of its YAML tables.
TEST(InspectCommand, HasTheTotalsOfYolov8sOtherTables) {
  struct Total {
    const char *table, *scale, *text;
  };
  for (const Total& t : {Total{"yolov8-p2", "n", "3,354,144 parameters, 17.4 GFLOPs"},
                         {"yolov8-p2", "m", "25,082,496 parameters, 99.0 GFLOPs"},
                         {"yolov8-p6", "n", "4,984,352 parameters, 8.8 GFLOPs"},
                         {"yolov8-p6", "m", "44,887,488 parameters, 83.5 GFLOPs"},
                         {"yolov8-ghost", "n", "1,865,316 parameters, 5.8 GFLOPs"},
                         {"yolov8-ghost", "m", "10,336,312 parameters, 32.7 GFLOPs"},
                         {"yolov8-ghost-p2", "n", "2,033,944 parameters, 13.8 GFLOPs"},
                         {"yolov8-ghost-p2", "m", "9,031,728 parameters, 42.8 GFLOPs"}}) {
    const Outcome outcome = run({"tests/data/tables/" + std::string(t.table) + ".json", "--scale", t.scale});
    EXPECT_NE(outcome.out.find(t.text), std::string::npos) << t.table << " " << t.scale << "\n" << outcome.out;
  }
}

TEST(InspectCommand, ReadsACheckpointAndItsChannels) {
  const Outcome outcome = run({"tests/data/cases/one-channel.pt"});
  EXPECT_EQ(outcome.status, 0) << outcome.error;
  EXPECT_NE(outcome.out.find("1 channel"), std::string::npos) << outcome.out;
  expect_refused({"tests/data/cases/one-channel.pt", "--scale", "n"}, "--scale applies to descriptions only");
}

TEST(InspectCommand, PrintsTheTable) {
  const Outcome outcome = run({kModel, "--batch", "8", "--imgsz", "97x320"});
  EXPECT_EQ(outcome.status, 0) << outcome.error;
  EXPECT_NE(outcome.out.find("DySample"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find(", input 128x320\n"), std::string::npos) << outcome.out;
  const double arena = number_after(outcome.out, "arena "), all = number_after(outcome.out, "all buffers together "),
               peak = number_after(outcome.out, "needed at once ");
  EXPECT_GT(peak, 0);
  EXPECT_GE(arena, peak);
  EXPECT_GT(all, arena);
  const double fp32 = number_after(outcome.out, "CUDA fp32, batch 8: "),
               fp16 = number_after(outcome.out, "CUDA fp16, batch 8: ");
  EXPECT_GT(fp16, 2);  // the strip of the input image alone needs more
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
  for (const char* part : {"weight", "arena", "candidate", "scratch", "strip"})
    sum += cuda[std::string(part) + "_bytes"].get<std::size_t>();
  EXPECT_EQ(cuda["bytes"], sum);
}

TEST(InspectCommand, PrintsTheShapeFilesOfBench) {
  for (const auto& [model, file] :
       {std::pair("weights/yolov8.json", "apps/bench/shapes/yolov8n.txt"),
        std::pair("weights/yolov8-dysample.json", "apps/bench/shapes/yolov8n-dysample.txt")}) {
    std::stringstream shapes;
    shapes << std::ifstream(file).rdbuf();
    const Outcome outcome = run({model, "--scale", "n", "--imgsz", "640", "--shapes"});
    EXPECT_EQ(outcome.status, 0) << outcome.error;
    EXPECT_EQ(outcome.out, shapes.str()) << file << ": update it with inspect " << model << " --scale n --shapes";
  }
  const Outcome small = run({kModel, "--imgsz", "97x320", "--batch", "2", "--shapes"});
  EXPECT_NE(small.out.find(", batch 2, input 128x320\nconv2d 2x128x320x3 -> "), std::string::npos) << small.out;
  EXPECT_EQ(small.out.find("max_pool", small.out.find("max_pool") + 1), std::string::npos)
      << "equal shapes are on one line";
  EXPECT_NE(small.out.find("  # 3 times\n"), std::string::npos) << small.out;
}

TEST(InspectCommand, ReportsErrorsInOneLine) {
  expect_refused({}, "MODEL");
  expect_refused({kModel, "--no-such\noption"}, "--no-such?option");
  expect_refused({"none\n.json"}, "none?.json: no such file");
  expect_refused({kModel, "--imgsz", "640x"}, "--imgsz 640x: expected N or HxW");
  expect_refused({kModel, "--imgsz="}, "--imgsz");
  expect_refused({kModel, "--batch", "0"}, "--batch");
  expect_refused({kModel, "--scale", "q"}, kModel);
  expect_refused({kModel, "--shapes", "--json"}, "--shapes");
}

TEST(InspectCommand, PrintsHelpAndVersion) {
  const Outcome help = run({"--help"}), version = run({"--version"});
  EXPECT_EQ(help.status, 0);
  EXPECT_NE(help.out.find("--program"), std::string::npos);
  EXPECT_EQ(version.status, 0);
  EXPECT_EQ(version.out, "inspect (cudet) " CUDET_VERSION "\n");
}

}  // namespace
}  // namespace cudet::inspect::test
