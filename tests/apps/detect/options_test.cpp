// Tests of command-line parsing and of its error messages.
#include "apps/detect/options.h"

#include <gtest/gtest.h>

#include "apps/detect/console.h"
#include "tests/error_of.h"

namespace cudet::test {
namespace {

using namespace cudet::detect;

std::optional<Options> parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "detect");
  return parse_options(static_cast<int>(arguments.size()), arguments.data());
}

std::string error_of(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), {"--model", "m.json", "a.jpg"});
  return cudet::test::error_of([&] { parse(arguments); });
}

TEST(ParseOptions, HasTheDocumentedDefaults) {
  const Options options = *parse({"--model", "m.json", "a.jpg", "-"});
  EXPECT_EQ(options.model, "m.json");
  EXPECT_EQ(options.sources, (std::vector<std::string>{"a.jpg", "-"}));
  EXPECT_FLOAT_EQ(options.detect.confidence, 0.25f);
  EXPECT_FLOAT_EQ(options.detect.iou, 0.7f);
  EXPECT_EQ(options.detect.max_detections, 300);
  EXPECT_EQ(options.detector.device, Device::automatic);
  EXPECT_EQ(options.detector.threads, 0);
  EXPECT_EQ(options.detector.fit, Fit::least);
  EXPECT_EQ(options.batch, 1);
  EXPECT_EQ(options.max_pixels, 100'000'000u);
  EXPECT_EQ(options.out, "out");
  EXPECT_TRUE(options.draw);
  EXPECT_FALSE(options.quiet);
}

TEST(ParseOptions, ReadsEveryOption) {
  const Options options = *parse(
      {"--model",     "m.json",      "--weights",  "w",         "--device", "cpu",        "--precision", "fp32",
       "--imgsz",     "320x640",     "--batch",    "4",         "--conf",   "0.1",        "--iou",       "0.5",
       "--classes",   "0,person",    "--agnostic", "--max-det", "7",        "--threads",  "2",           "--out",
       "o",           "--no-draw",   "--json",     "-",         "--coco",   "c",          "--txt",       "t",
       "--save-conf", "--save-crop", "k",          "--csv",     "v",        "--dump-raw", "r",           "--max-pixels",
       "0.5",         "--quiet",     "--executor", "graph",     "x.png"});
  EXPECT_EQ(options.weights, "w");
  EXPECT_EQ(options.detector.device, Device::cpu);
  EXPECT_EQ(options.detector.executor, Executor::graph);
  EXPECT_EQ(options.detector.input, (Size{320, 640}));
  EXPECT_EQ(options.detector.fit, Fit::whole);
  EXPECT_EQ(options.batch, 4);
  EXPECT_TRUE(options.detect.agnostic);
  EXPECT_EQ(options.detect.max_detections, 7);
  EXPECT_EQ(options.detector.threads, 2);
  EXPECT_FALSE(options.draw);
  EXPECT_EQ(options.json + options.coco + options.txt + options.csv + options.raw, "-ctvr");
  EXPECT_EQ(options.crops, "k");
  EXPECT_TRUE(options.confidences);
  EXPECT_EQ(options.max_pixels, 500'000u);
  EXPECT_TRUE(options.quiet);
  EXPECT_EQ(parse({"--model", "m", "--imgsz", "320", "a"})->detector.fit, Fit::least);
  EXPECT_EQ(options.detector.cuda_device, -1);
  EXPECT_EQ(parse({"--model", "m", "--device", "cuda:3", "a"})->detector.cuda_device, 3);
  EXPECT_EQ(parse({"--model", "m", "--precision", "fp16", "a"})->detector.precision, Precision::fp16);
}

TEST(ParseOptions, TakesBracketsAsTheyAre) {
  const Options options = *parse({"--model", "m", "--json=[j]", "[a]", "[b,c]/d.png", "[]", "x[0].png"});
  EXPECT_EQ(options.sources, (std::vector<std::string>{"[a]", "[b,c]/d.png", "[]", "x[0].png"}));
  EXPECT_EQ(options.json, "[j]");
}

TEST(ParseOptions, NamesTheOptionAtFault) {
  const std::vector<std::pair<const char*, std::vector<const char*>>> kWrong = {
      {"--imgsz", {"-3", "0", "64x", "x64", "64x64x64", "1e3", "9000", "", "99999999999999999999"}},
      {"--conf", {"nan", "-0.1", "1.1", "inf", "0,5", "a", "0.5x"}},
      {"--iou", {"2", "nan", "-1"}},
      {"--batch", {"0", "-1", "1.5", "2000"}},
      {"--threads", {"-1", "x", "5000"}},
      {"--max-det", {"0", "-3"}},
      {"--max-pixels", {"0", "-1", "nan", "1e9"}},
      {"--device", {"gpu", "", "cuda:", "cuda:-1", "cuda:x", "cpu:0"}},
      {"--executor", {"persistent"}},
      {"--precision", {"fp64"}}};
  for (const auto& [option, values] : kWrong)
    for (const char* value : values) {
      if (*value == '\0' && std::string(option) == "--imgsz") continue;  // the same as leaving it out
      EXPECT_NE(error_of({option, value}).find(option), std::string::npos) << option << " " << value;
    }
  EXPECT_NE(error_of({"--nonsense"}).find("--nonsense"), std::string::npos);
  EXPECT_NE(error_of({"--conf"}).find("--conf"), std::string::npos);
  EXPECT_NE(error_of({"--square", "--imgsz", "320x640"}), "");
  EXPECT_NE(error_of({"--dump-raw", "-"}), "");
  EXPECT_NE(error_of({"--dump-raw", "/dev/stdout"}), "");
  EXPECT_NE(error_of({"--json", "-", "--csv", "/dev/stdout"}), "");
  EXPECT_NE(error_of({"-", "-"}), "");
  EXPECT_NE(error_of({"--save-conf"}).find("--txt"), std::string::npos);
  EXPECT_TRUE(parse({"a.jpg"})->model.ends_with("/weights/codes.json"));
  EXPECT_THROW(parse({"--model", "m.json"}), Error);  // no image
}

TEST(ParseClasses, TakesIndicesAndNames) {
  const std::vector<std::string> names = {"person", "traffic light", "7"};
  EXPECT_EQ(parse_classes("traffic light,0,2", names), (std::vector<int>{1, 0, 2}));
  EXPECT_EQ(parse_classes("0", {"0", "2", "x"}), std::vector<int>{0}) << "index and name are the same class";
  EXPECT_THROW(parse_classes("2", {"0", "2", "x"}), Error) << "an index, and the name of another class";
  for (const char* wrong : {"zebra", "99", "-1", "3", "", "0,", "0,,1", "0 ", "person,zebra"})
    EXPECT_THROW(parse_classes(wrong, names), Error) << wrong;
}

TEST(ProgressBar, TellsRateAndTimeLeft) {
  EXPECT_EQ(progress_bar(5, 10, 2.5, 10), "[#####-----] 5 of 10, 2.0 images/s, 3 s left");
  EXPECT_EQ(progress_bar(1, 301, 1, 4), "[----] 1 of 301, 1.0 images/s, 5 min 00 s left");
  EXPECT_EQ(progress_bar(0, 10, 0, 2), "[--] 0 of 10, 0.0 images/s");
}

}  // namespace
}  // namespace cudet::test
