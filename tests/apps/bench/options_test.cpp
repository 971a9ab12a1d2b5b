// The command line: how it is parsed, and the error message for each mistake.
#include "apps/bench/options.h"

#include <gtest/gtest.h>

#include "runtime/cpu/cores.h"
#include "tests/error_of.h"
#include "tests/temporary.h"

namespace cudet::bench::test {
namespace {

using Arguments = std::vector<std::string>;

std::optional<Options> parse(const Arguments& arguments) {
  std::vector<const char*> argv = {"bench"};
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  return parse_options(static_cast<int>(argv.size()), argv.data());
}

std::string error_of(const Arguments& arguments) {
  return cudet::test::error_of([&] { parse(arguments); });
}

TEST(BenchOptions, HaveTheDocumentedDefaults) {
  const Options options = *parse({"m.json"});
  EXPECT_EQ(options.model, "m.json");
  EXPECT_EQ(options.detector.device, Device::automatic);
  EXPECT_EQ(options.detector.precision, Precision::automatic);
  EXPECT_EQ(options.detector.input, (Size{0, 0}));
  EXPECT_EQ(options.detector.threads, default_threads());
  EXPECT_EQ(options.batch, 1);
  EXPECT_EQ(options.warmup, 5);
  EXPECT_EQ(options.runs, 50);
  EXPECT_FALSE(options.layers);
  EXPECT_FALSE(options.sweep);
  EXPECT_FALSE(options.operators());
  EXPECT_FALSE(options.piped());
  EXPECT_FALSE(options.max_ratio);
  EXPECT_TRUE(parse({})->model.ends_with("/weights/codes.json"));
}

TEST(BenchOptions, AreAllParsed) {
  const Options options =
      *parse({"m.json",  "--device",  "cuda",      "--precision", "fp16",      "--imgsz",    "320x640",
              "--batch", "4",         "--warmup",  "0",           "--runs",    "7",          "--layers",
              "--sweep", "--threads", "3",         "--json",      "-",         "--csv",      "c",
              "--svg",   "s",         "--compare", "old.json",    "--compare", "older.json", "--fail-if-slower",
              "5"});
  EXPECT_EQ(options.detector.device, Device::cuda);
  EXPECT_EQ(options.detector.precision, Precision::fp16);
  EXPECT_EQ(options.detector.input, (Size{320, 640}));
  EXPECT_EQ(options.batch, 4);
  EXPECT_EQ(options.warmup, 0);
  EXPECT_EQ(options.runs, 7);
  EXPECT_TRUE(options.layers && options.sweep && options.piped());
  EXPECT_EQ(options.detector.threads, 3);
  EXPECT_EQ(options.json + options.csv + options.svg, "-cs");
  EXPECT_EQ(options.compare, (Arguments{"old.json", "older.json"}));
  EXPECT_DOUBLE_EQ(*options.max_ratio, 1.05);
}

TEST(BenchOptions, TakeOneFileEachSoThatTheModelCanFollow) {
  const Options options = *parse({"--compare", "old.json", "m.json"});
  EXPECT_EQ(options.compare, Arguments{"old.json"});
  EXPECT_EQ(options.model, "m.json");
}

TEST(BenchOptions, NeedNoModelForOperatorsAndStoredResults) {
  const Options op = *parse({"--op", "conv2d", "--shape", "1x8x8x4 -> 4 k1x1", "--svg", "s", "--threads", "1"});
  EXPECT_EQ(op.model, "");
  EXPECT_EQ(op.op, "conv2d");
  EXPECT_EQ(op.shape, "1x8x8x4 -> 4 k1x1");
  EXPECT_TRUE(op.operators());
  EXPECT_EQ(parse({"--shapes", "f.txt"})->shapes, "f.txt");
  EXPECT_EQ(parse({"--shapes", "f.txt", "--op", "conv2d"})->op, "conv2d");
  const Options stored = *parse({"--from", "a.json", "--svg", "s", "--csv", "/dev/stdout"});
  EXPECT_EQ(stored.model, "");
  EXPECT_EQ(stored.from, Arguments{"a.json"});
  EXPECT_EQ(stored.csv, "-");
}

TEST(BenchOptions, NameTheInvalidOption) {
  const std::vector<std::pair<std::string, Arguments>> kWrong = {{"--imgsz", {"0", "-3", "64x", "9000"}},
                                                                 {"--batch", {"0", "-1", "1.5", "2000"}},
                                                                 {"--threads", {"-1", "x", "5000"}},
                                                                 {"--runs", {"0", "-1", "1.5", "x", "1000000"}},
                                                                 {"--warmup", {"-1", "x"}},
                                                                 {"--device", {"gpu"}},
                                                                 {"--isa", {""}},
                                                                 {"--precision", {"fp64"}},
                                                                 {"--fail-if-slower", {"nan", "-1", "x", "1e9"}}};
  for (const auto& [option, values] : kWrong)
    for (const std::string& value : values)
      EXPECT_NE(error_of({"m.json", "--compare", "f", option, value}).find(option), std::string::npos)
          << option << " " << value;
  for (const char* option : {"--json", "--csv", "--svg", "--op", "--shapes", "--from", "--compare", "--imgsz"}) {
    EXPECT_NE(error_of({option}).find(option), std::string::npos) << option;
    EXPECT_NE(error_of({option, ""}).find(option), std::string::npos) << option;
  }
  EXPECT_NE(error_of({"--nonsense"}).find("--nonsense"), std::string::npos);
  EXPECT_NE(error_of({"m.json", "n.json"}).find("n.json"), std::string::npos);
}

TEST(BenchOptions, RefuseInvalidCombinations) {
  const std::vector<std::pair<Arguments, std::string>> kWrong = {
      {{"--op", "conv2d"}, "--op conv2d: needs --shape or --shapes"},
      {{"--shape", "1x8x8x4"}, "--shape 1x8x8x4: needs --op"},
      {{"--op", "copy", "--shape", "1x8x8x4", "--shapes", "f"}, "--shape and --shapes"},
      {{"m.json", "--op", "copy", "--shape", "1x8x8x4"}, "--op and MODEL"},
      {{"--shapes", "f", "--layers"}, "--shapes and --layers"},
      {{"--shapes", "f", "--batch", "2"}, "--shapes and --batch"},
      {{"--shapes", "f", "--precision", "fp16"}, "CPU, in fp32"},
      {{"--shapes", "f", "--device", "cuda"}, "CPU, in fp32"},
      {{"m.json", "--svg", "s"}, "--svg s: needs --layers"},
      {{"m.json", "--fail-if-slower", "5"}, "--fail-if-slower: needs --compare"},
      {{"m.json", "--from", "f"}, "--from and MODEL"},
      {{"--from", "f", "--runs", "7"}, "--from and --runs"},
      {{"--from", "f", "--isa", "avx2"}, "--from and --isa"},
      {{"--from", "f", "--from", "g"}, "--from: several"},
      {{"--from", "f", "--from", "g", "--compare", "h", "--json", "j"}, "--from: several"},
      {{"m.json", "--json", "-", "--csv", "/dev/stdout"}, "-: two outputs"},
      {{"m.json", "--json", "f", "--csv", "f"}, "f: two outputs"},
      {{"m.json", "--json", "f", "--csv", "./f"}, "f: two outputs"}};
  for (const auto& [arguments, message] : kWrong)
    EXPECT_NE(error_of(arguments).find(message), std::string::npos) << error_of(arguments) << ", expected: " << message;
}

TEST(BenchOptions, DoNotOverwriteInputs) {
  const cudet::test::TemporaryFolder folder;
  folder.write("m.json", "{}");
  const std::string model = folder.file("m.json"), same = folder.file("./m.json");
  EXPECT_NE(error_of({model, "--json", same}).find("also an input"), std::string::npos);
  EXPECT_NE(error_of({"--shapes", model, "--csv", same}).find("also an input"), std::string::npos);
  EXPECT_NE(error_of({"--from", model, "--csv", same}).find("also an input"), std::string::npos);
  EXPECT_NE(error_of({"--from", "f", "--compare", model, "--svg", same}).find("also an input"), std::string::npos);
  EXPECT_EQ(error_of({model, "--json", folder.file("other.json")}), "");
}

}  // namespace
}  // namespace cudet::bench::test
