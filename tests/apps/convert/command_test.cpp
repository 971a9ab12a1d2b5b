#include "apps/convert/command.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "runtime/model/file.h"
#include "runtime/model/safetensors.h"
#include "tests/apps/command.h"
#include "tests/temporary.h"

namespace cudet::convert::test {
namespace {

namespace fs = std::filesystem;
using cudet::test::TemporaryFolder;

using cudet::test::Outcome;

Outcome run(std::vector<std::string> arguments) {
  return cudet::test::run_command(command, "convert", std::move(arguments));
}

std::size_t files_in(const TemporaryFolder& folder) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()));
}

/// Checks for exit status 2 and one error line that contains `why`.
void expect_refused(const std::vector<std::string>& arguments, const std::string& why) {
  const Outcome outcome = run(arguments);
  EXPECT_EQ(outcome.status, 2) << why;
  EXPECT_EQ(outcome.error.rfind("convert: ", 0), 0u) << outcome.error;
  EXPECT_NE(outcome.error.find(why), std::string::npos) << outcome.error << ", expected: " << why;
  EXPECT_EQ(std::count(outcome.error.begin(), outcome.error.end(), '\n'), 1) << outcome.error;
  EXPECT_TRUE(outcome.out.empty()) << outcome.out;
}

TEST(ConvertCommand, WritesBothFiles) {
  const TemporaryFolder folder;
  const Outcome outcome = run({"tests/data/pt/plain.pt", "-o", folder.file("best.json"), "--imgsz", "60x100"});
  EXPECT_EQ(outcome.status, 0) << outcome.error;
  EXPECT_NE(outcome.out.find("9 rows (2 C2f, 1 Concat, 3 Conv, 1 Detect, 1 SPPF, 1 Upsample), 3 classes, input 64x128"),
            std::string::npos)
      << outcome.out;
  std::ifstream file(folder.file("best.json"));
  EXPECT_EQ(nlohmann::json::parse(file)["weights"], "best.safetensors");
  EXPECT_EQ(Safetensors::read(folder.file("best.safetensors")).tensors().size(), 124u);
  EXPECT_EQ(files_in(folder), 2u);
}

TEST(ConvertCommand, WritesTheTableOfAYaml) {
  const TemporaryFolder folder;
  const Outcome outcome = run(
      {"tests/data/yaml/yolov8-dysample.yaml", "-o", folder.path().string(), "--scale", "s", "--nc", "7", "--quiet"});
  EXPECT_EQ(outcome.status, 0) << outcome.error;
  EXPECT_TRUE(outcome.out.empty()) << outcome.out;
  std::ifstream file(folder.file("yolov8-dysample.json"));
  const nlohmann::json json = nlohmann::json::parse(file);
  EXPECT_EQ(json["scale"], "s");
  EXPECT_EQ(json["nc"], 7);
  EXPECT_EQ(files_in(folder), 1u);
}

TEST(ConvertCommand, ReportsErrorsInOneLine) {
  const TemporaryFolder folder;
  const std::string out = folder.file("out"), plain = "tests/data/pt/plain.pt";
  expect_refused({}, "INPUT");
  expect_refused({plain, "--no-such-option"}, "--no-such-option");
  expect_refused({"tests/data/README.md", "-o", out}, "tests/data/README.md: expected a .pt or .yaml file");
  expect_refused({"none.pt", "-o", out}, "none.pt: no such file");
  expect_refused({"tests/data/pt/segment.pt", "-o", out}, "segment.pt: model.8 (Segment): segmentation");
  expect_refused({plain, "-o", out, "--imgsz=640x"}, "--imgsz 640x: expected N or HxW");
  expect_refused({plain, "-o", out, "--imgsz="}, "--imgsz");
  expect_refused({plain, "--two\nlines"}, "--two?lines");
  expect_refused({folder.path().string() + "/a\nb.pt"}, "a?b.pt: no such file");
  expect_refused({"tests/data/yaml/older.yaml/", "-o", out}, "older.yaml/: expected a .pt or .yaml file");
  expect_refused({plain, "-o", out, "--nc", "3"}, "--nc apply to .yaml files");
  expect_refused({"tests/data/yaml/older.yaml", "-o", out, "--nc", "0"}, "older.yaml: \"nc\" must be a whole number");
  expect_refused({"tests/data/yaml/older.yaml", "-o", out, "--nc", "65533"}, "older.yaml: \"nc\" must be");
  expect_refused({"tests/data/yaml/older.yaml", "-o", out, "--nc", "few"}, "--nc");
  expect_refused({"tests/data/yaml/older.yaml", "-o", out, "--scale", "s"},
                 "older.yaml: scale s is not one of the scales");
  EXPECT_EQ(files_in(folder), 0u);
}

TEST(ConvertCommand, ReadsOrdinaryFilesOnly) {
  const TemporaryFolder folder;
  for (const std::string name : {"a.pt", "a.yaml"}) {
    const std::string path = folder.file(name);
    ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
    expect_refused({path, "-o", folder.file("out")}, name + ": not a regular file");
    fs::remove(path);
    fs::create_directory(path);
    expect_refused({path, "-o", folder.file("out")}, name + ": not a regular file");
  }
  EXPECT_EQ(files_in(folder), 2u);
}

TEST(ConvertCommand, RoundsTheInputToTheNetworksStride) {
  const TemporaryFolder folder;
  const Outcome trained = run({"tests/data/pt/plain.pt", "-o", folder.file("plain")});  // with imgsz 100
  EXPECT_NE(trained.out.find("input 128x128"), std::string::npos) << trained.out;
  const std::string path = folder.file("three.yaml");
  std::ofstream(path)
      << "nc: 1\nbackbone: [[-1, 1, Conv, [8, 3, 3]]]\nhead: [[-1, 1, Conv, [8, 3, 2]], "
         "[-1, 1, nn.Upsample, [None, 2, nearest]], [[-1, 0], 1, Concat, [1]], [-1, 1, Detect, [nc]]]\n";
  const Outcome outcome = run({path, "-o", folder.path().string() + "/", "--imgsz", "97x96"});
  EXPECT_EQ(outcome.status, 0) << outcome.error;
  EXPECT_NE(outcome.out.find("input 192x96"), std::string::npos) << outcome.out;
  std::ifstream file(folder.file("three.json"));
  EXPECT_EQ(nlohmann::json::parse(file)["input"]["size"], nlohmann::json::parse("[192, 96]"));
  expect_refused({path, "-o", folder.file("out"), "--imgsz", "8192"},
                 "three.yaml: the input size rounded up to the stride of 96 pixels is 8256");
}

TEST(ConvertCommand, KeepsExistingFilesIfItCannotWrite) {
  const TemporaryFolder folder;
  const auto put = [&](const char* name) { std::ofstream(folder.file(name)) << "old"; };
  const auto is_old = [&](const char* name) {
    const std::vector<std::byte> bytes = read_file(folder.file(name));
    return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()) == "old";
  };
  put("out.safetensors");
  fs::create_directory(folder.file("out.json"));
  expect_refused({"tests/data/pt/plain.pt", "-o", folder.file("out.json/../out")}, "out.json: cannot write: ");
  EXPECT_TRUE(is_old("out.safetensors"));
  fs::remove(folder.file("out.json"));
  fs::remove(folder.file("out.safetensors"));
  put("out.json");
  fs::create_directory(folder.file("out.safetensors"));
  expect_refused({"tests/data/pt/plain.pt", "-o", folder.file("out.json")}, "out.safetensors: cannot write: ");
  EXPECT_TRUE(is_old("out.json"));
}

TEST(ConvertCommand, LeavesNoFilesIfItCannotWrite) {
  const TemporaryFolder folder;
  expect_refused({"tests/data/pt/plain.pt", "-o", folder.file("none/out")}, "none/out.json: cannot write: ");
  fs::create_directory(folder.file("out.safetensors"));
  expect_refused({"tests/data/pt/plain.pt", "-o", folder.file("out")}, "out.safetensors: cannot write: ");
  EXPECT_EQ(files_in(folder), 1u) << "out.json without its weights, or a temporary file";
}

TEST(ConvertCommand, DoesNotReplaceItsInput) {
  const TemporaryFolder folder;
  fs::copy_file("tests/data/pt/plain.pt", folder.path() / "m.pt");
  fs::create_symlink("m.pt", folder.path() / "link.json");
  expect_refused({folder.file("m.pt"), "-o", folder.file("link.json")}, "link.json: this output is also an input");
  fs::create_symlink("m.pt", folder.path() / "two.safetensors");
  expect_refused({folder.file("m.pt"), "-o", folder.file("two")}, "two.safetensors: this output is also an input");
  EXPECT_EQ(fs::file_size(folder.path() / "m.pt"), fs::file_size("tests/data/pt/plain.pt"));
  folder.write("one.safetensors");
  fs::create_symlink("one.safetensors", folder.path() / "one.json");
  expect_refused({folder.file("m.pt"), "-o", folder.file("one")}, "are one file");
}

TEST(ConvertCommand, RefusesNamesThatJsonCannotHold) {
  const TemporaryFolder folder;
  expect_refused({"tests/data/pt/plain.pt", "-o", folder.file("v\xff")}, "must be UTF-8");
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST(ConvertCommand, LimitsMemory) {
  const TemporaryFolder folder;
  expect_refused({"tests/data/pt/plain.pt", "-o", folder.file("m"), "--max-memory", "0"}, "--max-memory");
  const Outcome outcome = run({"tests/data/pt/plain.pt", "-o", folder.file("m"), "--max-memory", "1"});
  EXPECT_EQ(outcome.status, 0) << outcome.error;
}

TEST(ConvertCommand, HelpsAndTellsItsVersion) {
  const Outcome help = run({"--help"}), version = run({"--version"});
  EXPECT_EQ(help.status, 0);
  EXPECT_NE(help.out.find("--imgsz"), std::string::npos);
  EXPECT_EQ(version.status, 0);
  EXPECT_EQ(version.out, "convert (cudet) " CUDET_VERSION "\n");
}

}  // namespace
}  // namespace cudet::convert::test
