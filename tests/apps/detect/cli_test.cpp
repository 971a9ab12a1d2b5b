#include "tests/apps/detect/cli.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <chrono>
#include <csignal>
#include <nlohmann/json.hpp>
#include <thread>

#include "apps/image/decode.h"
#include "kernels/instruction_set.h"
#include "runtime/model/file.h"
#include "runtime/model/safetensors.h"

namespace cudet::test {
namespace {

using nlohmann::json;

TEST_F(Cli, HelpsAndTellsItsVersion) {
  const Ended help = run({"--help"});
  EXPECT_EQ(help.status, 0);
  for (const char* option : {"--model", "--imgsz", "--classes", "--dump-raw", "Examples", "Exit status"})
    EXPECT_NE(help.out.find(option), std::string::npos) << option;
  EXPECT_EQ(run({"--version"}).status, 0);
}

TEST_F(Cli, HasAModelOfItsOwn) {
  const Ended ended = run({"--no-draw", "--json", "-", kImages + "rgb.png"});
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_NE(ended.out.find("weights/codes.json"), std::string::npos) << ended.out;
}

TEST_F(Cli, RefusesWrongUsage) {
  const std::vector<std::pair<Arguments, const char*>> kWrong = {{{"--imgsz", "-3"}, "--imgsz"},
                                                                 {{"--conf", "nan"}, "--conf"},
                                                                 {{"--classes", ""}, "--classes"},
                                                                 {{"--json", ""}, "--json"},
                                                                 {{"--iou", "2"}, "--iou"},
                                                                 {{"--batch", "0"}, "--batch"},
                                                                 {{"--threads", "-1"}, "--threads"},
                                                                 {{"--max-det", "0"}, "--max-det"},
                                                                 {{"--classes", "zebra,99"}, "zebra"},
                                                                 {{"--classes", "99"}, "99"},
                                                                 {{"--nonsense"}, "--nonsense"},
                                                                 {{"--device", "gpu"}, "gpu"},
                                                                 {{"--isa", "avx9"}, "avx9"},
                                                                 {{"--isa", ""}, "--isa"},
                                                                 {{"--device", "cpu", "--precision", "fp16"}, "fp16"},
                                                                 {{"--json", "/no/such/r.json"}, "/no/such/r.json"},
                                                                 {{"--txt", "/dev/null/x"}, "/dev/null/x"},
                                                                 {{"--csv", "/dev/full"}, "/dev/full"}};
  for (const auto& [arguments, word] : kWrong) {
    Arguments all = {"--model", kModel, "--no-draw", kImages + "rgb.png"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    expect_refused(run(all), word);
  }
  expect_refused(run({"--weights", "w.safetensors", kImages + "rgb.png"}), "--model");
  expect_refused(run({"--model", kModel}), "no images given");
  expect_refused(run({"--model", "no.json", kImages + "rgb.png"}), "no.json");
  expect_refused(run({"--model", kModel, "--weights", "no.safetensors", kImages + "rgb.png"}), "no.safetensors");
}

TEST_F(Cli, RefusesSourcesWithoutPictures) {
  std::filesystem::create_directory(folder_.file("empty"));
  for (const std::string& source : {std::string("missing.jpg"), folder_.file("empty"), folder_.file("*.png")}) {
    expect_refused(run({"--model", kModel, "--no-draw", source}), source);
  }
  const Ended two = run({"--model", kModel, "--no-draw", "missing.jpg", folder_.file("empty")});
  EXPECT_EQ(two.status, 2);
  EXPECT_EQ(std::count(two.err.begin(), two.err.end(), '\n'), 2) << two.err;
}

TEST_F(Cli, WorksThroughEveryKindOfPicture) {
  const std::string pattern = kImages + "[!c]*";  // all except the truncated ones
  const Ended ended = detect({"--json", folder_.file("r.json"), pattern});
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_EQ(ended.err, "detect: 1 file was not read: .safetensors 1\n");
  const json all = json::parse(folder_.text("r.json"));
  EXPECT_GE(all["images"].size(), 25u);
  for (const json& image : all["images"]) {
    EXPECT_EQ(image["width"].get<int>() + image["height"].get<int>(), 29 + 37);
    for (const json& detection : image["detections"])
      EXPECT_TRUE(detection["box"][0] >= 0 && detection["box"][2] <= image["width"]) << image["file"];
  }
}

TEST_F(Cli, GivesTheSameResultsInAnyBatch) {
  std::vector<json> results;
  for (const char* batch : {"1", "3", "64"}) {
    const Ended ended = detect({"--json", "-", "--square", "--batch", batch, kImages});
    EXPECT_EQ(ended.status, 1) << "the truncated PNG and BMP fail";
    results.push_back(json::parse(ended.out));
    for (json& image : results.back()["images"]) image.erase("ms");
  }
  EXPECT_FALSE(results[0]["images"].empty());
  EXPECT_EQ(results[0], results[1]);
  EXPECT_EQ(results[0], results[2]);
}

TEST_F(Cli, RunsWithEachInstructionSet) {
  std::vector<std::size_t> found;
  for (const std::string& name : instruction_sets()) {
    const Ended ended = detect({"--json", "-", "--isa", name, kImages + "rgb.png"});
    ASSERT_EQ(ended.status, 0) << ended.err;
    found.push_back(json::parse(ended.out)["images"][0]["detections"].size());
  }
  EXPECT_GT(found.front(), 0u);
  EXPECT_EQ(found, std::vector(found.size(), found.front()));
  for (const std::string& name : missing_instruction_sets())
    expect_refused(detect({"--isa", name, kImages + "rgb.png"}), name + ": this machine lacks it");
}

TEST_F(Cli, ReportsPicturesThatFailAndGoesOn) {
  const Ended ended = detect({"--json", folder_.file("r.json"), kImages + "cut-rgb.png", kImages + "rgb.png",
                              "missing.jpg", kImages + "cut-rgb24.bmp"});
  EXPECT_EQ(ended.status, 1);
  EXPECT_EQ(std::count(ended.err.begin(), ended.err.end(), '\n'), 3) << ended.err;
  EXPECT_EQ(json::parse(folder_.text("r.json"))["images"].size(), 1u);
}

TEST_F(Cli, TellsOfDamageAndOfFilesThatAreNoImages) {
  std::filesystem::create_directory(folder_.file("a"));
  std::filesystem::copy(kImages + "cut-baseline.jpg", folder_.file("a/cut.jpg"));
  for (const char* name : {"a/x.gif", "a/y.GIF", "a/z.pdf"}) folder_.write(name);
  const Ended ended = detect({"--quiet", "--json", folder_.file("r.json"), folder_.file("a")});
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_EQ(ended.err, "detect: " + folder_.file("a/cut.jpg") +
                           ": the image is damaged: Premature end of JPEG file\n"
                           "detect: 3 files were not read: .gif 2, .pdf 1\n");
  EXPECT_EQ(json::parse(folder_.text("r.json"))["images"].size(), 1u);
  std::filesystem::remove(folder_.file("a/cut.jpg"));
  const Ended none = detect({"--quiet", folder_.file("a")});
  EXPECT_EQ(none.status, 2);
  EXPECT_TRUE(none.err.starts_with("detect: 3 files were not read: .gif 2, .pdf 1\n")) << none.err;
  EXPECT_NE(none.err.find("the folder contains no images"), std::string::npos) << none.err;
}

TEST_F(Cli, ReadsStandardInput) {
  const Ended ended = detect({"--json", "-", "-"}, kImages + "rgb.png");
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_EQ(json::parse(ended.out)["images"][0]["file"], "stdin");
  EXPECT_EQ(detect({"-"}, "/dev/null").status, 1);
}

TEST_F(Cli, WritesEveryOutput) {
  const Ended ended = run({"--model",
                           kModel,
                           "--conf",
                           "0.001",
                           "--out",
                           folder_.file("out"),
                           "--json",
                           folder_.file("r.json"),
                           "--coco",
                           folder_.file("c.json"),
                           "--csv",
                           folder_.file("t.csv"),
                           "--txt",
                           folder_.file("txt"),
                           "--save-crop",
                           folder_.file("crops"),
                           "--dump-raw",
                           folder_.file("raw.safetensors"),
                           kImages + "rgb.png",
                           kImages + "baseline.jpg",
                           kImages + "rgb.png"});
  EXPECT_EQ(ended.status, 0) << ended.err;
  const json all = json::parse(folder_.text("r.json"));
  ASSERT_EQ(all["images"].size(), 3u);
  std::size_t found = 0;
  for (const json& image : all["images"]) found += image["detections"].size();
  ASSERT_GT(found, 0u) << "random weights should find something at this threshold";
  EXPECT_EQ(json::parse(folder_.text("c.json")).size(), found);
  const std::string table = folder_.text("t.csv");
  EXPECT_EQ(static_cast<std::size_t>(std::count(table.begin(), table.end(), '\n')), found + 1);
  for (const char* name : {"out/rgb.png", "out/rgb-2.png", "out/baseline.jpg"})
    EXPECT_EQ(decode_image(read_file(folder_.file(name)), name, 10000).image.width, 37);
  EXPECT_EQ(all["images"][0]["detections"].empty(), !std::filesystem::exists(folder_.file("txt/rgb.txt")));
  std::size_t crops = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_.file("crops")))
    crops += entry.is_regular_file() ? 1 : 0;
  EXPECT_EQ(crops, found);
  const Safetensors raw = Safetensors::read(folder_.file("raw.safetensors"));
  EXPECT_EQ(raw.tensors().size(), 6u);
  EXPECT_TRUE(raw.find("rgb-2.output0"));
}

TEST_F(Cli, KeepsToWhatWasAskedFor) {
  const Ended all = detect({"--json", "-", "--max-det", "5", kImages + "rgb.png"});
  const Ended some = detect({"--json", "-", "--classes", "0", kImages + "rgb.png"});
  ASSERT_EQ(all.status + some.status, 0) << all.err << some.err;
  EXPECT_LE(json::parse(all.out)["images"][0]["detections"].size(), 5u);
  const json only = json::parse(some.out);
  for (const json& detection : only["images"][0]["detections"]) EXPECT_EQ(detection["class"], 0);
  EXPECT_EQ(detect({"--quiet", kImages + "rgb.png"}).out, "");
  EXPECT_NE(detect({kImages + "rgb.png"}).out.find("rgb.png 37x29: "), std::string::npos);
}

TEST_F(Cli, RoundsTheInputUpAndSaysSo) {
  const Ended ended = detect({"--imgsz", "65x97", kImages + "rgb.png"});
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_EQ(std::count(ended.err.begin(), ended.err.end(), '\n'), 1) << ended.err;
  EXPECT_NE(ended.err.find("imgsz 65x97 is not a multiple of"), std::string::npos) << ended.err;
}

TEST_F(Cli, SaysThatItRoundsTheModelsOwnSize) {
  json model = json::parse(std::ifstream(kModel));
  model["input"]["size"] = {65, 96};
  folder_.write("m.json", model.dump());
  const Ended ended = run({"--model", folder_.file("m.json"), "--weights", "tests/data/tiny/plain.safetensors",
                           "--no-draw", kImages + "rgb.png"});
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_EQ(std::count(ended.err.begin(), ended.err.end(), '\n'), 1) << ended.err;
  EXPECT_NE(ended.err.find("m.json: input 65x96 is not a multiple of"), std::string::npos) << ended.err;
}

TEST_F(Cli, WritesNothingOverItsInputs) {
  std::filesystem::copy(kImages + "baseline.jpg", folder_.file("a.jpg"));
  const std::string before = folder_.text("a.jpg");
  expect_refused(run({"--model", kModel, "--out", folder_.path().string(), folder_.file("a.jpg")}), "a.jpg");
  expect_refused(run({"--model", kModel, "--no-draw", "--json", folder_.file("a.jpg"), folder_.file("a.jpg")}),
                 "a.jpg");
  EXPECT_EQ(folder_.text("a.jpg"), before);
  for (const char* name : {"plain.json", "plain.safetensors"})
    std::filesystem::copy(std::string("tests/data/tiny/") + name, folder_.file(name));
  expect_refused(run({"--model", folder_.file("plain.json"), "--no-draw", "--dump-raw",
                      folder_.file("plain.safetensors"), folder_.file("a.jpg")}),
                 "plain.safetensors");
}

TEST_F(Cli, KeepsWhatIsFinishedWhenAFileMayNotGrow) {
  constexpr rlim_t kMaxBytes = 20000;
  Arguments pictures = {"--max-det", "5", "--json", folder_.file("r.json")};
  pictures.insert(pictures.end(), 200, kImages + "rgb.png");
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small{kMaxBytes, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);  // the program inherits it, with SIGXFSZ at its default
  const Ended ended = detect(pictures);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_EQ(ended.status, 1);
  EXPECT_EQ(std::count(ended.err.begin(), ended.err.end(), '\n'), 1) << ended.err;
  EXPECT_NE(ended.err.find("r.json: cannot write: File too large"), std::string::npos) << ended.err;
  const json all = json::parse(folder_.text("r.json"));
  EXPECT_GE(all["images"].size(), 1u);
  EXPECT_LT(all["images"].size(), 200u);
}

TEST_F(Cli, GoesOnAfterAnImageThatCannotBeWritten) {
  std::filesystem::create_directories(folder_.path() / "drawn" /
                                      "grey.png");  // a folder where the image would be written
  const Ended ended =
      run({"--model", kModel, "--conf", "0.001", "--max-det", "5", "--out", folder_.file("drawn"), "--json",
           folder_.file("r.json"), "--batch", "3", kImages + "rgb.png", kImages + "grey.png", kImages + "rgba.png"});
  EXPECT_EQ(ended.status, 1);
  EXPECT_EQ(std::count(ended.err.begin(), ended.err.end(), '\n'), 1) << ended.err;
  EXPECT_NE(ended.err.find("grey.png"), std::string::npos) << ended.err;
  EXPECT_EQ(json::parse(folder_.text("r.json"))["images"].size(), 3u);
  EXPECT_TRUE(std::filesystem::exists(folder_.path() / "drawn" / "rgba.png"));
}

TEST_F(Cli, SurvivesFullAndClosedOutputs) {
  const Ended full = detect({kImages + "rgb.png", kImages + "grey.png"}, "/dev/null", "/dev/full");
  EXPECT_EQ(full.status, 1);
  EXPECT_EQ(std::count(full.err.begin(), full.err.end(), '\n'), 1) << full.err;
  EXPECT_EQ(detect({"--json", "-", kImages + "rgb.png"}, "/dev/null", "/dev/full").status, 2);
}

TEST_F(Cli, RefusesPipesInLists) {
  ASSERT_EQ(::mkfifo(folder_.file("pipe.jpg").c_str(), 0600), 0);
  std::ofstream(folder_.file("list.txt")) << folder_.file("pipe.jpg") << "\n/dev/zero\n";
  const Ended ended = detect({folder_.file("list.txt"), "missing.jpg"});
  EXPECT_EQ(ended.status, 1);
  EXPECT_EQ(std::count(ended.err.begin(), ended.err.end(), '\n'), 3) << ended.err;
}

TEST_F(Cli, LeavesValidResultsWhenInterrupted) {
  constexpr int kPictures = 100000;  // more than it can process before the signal
  {
    std::ofstream list(folder_.file("list.txt"));
    for (int i = 0; i < kPictures; ++i) list << kImages << "rgb.png\n";
  }
  const std::string labels = folder_.file("txt");
  const pid_t child = start({"--model", kModel, "--no-draw", "--conf", "0.001", "--json", folder_.file("r.json"),
                             "--txt", labels, folder_.file("list.txt")});
  for (int wait = 0; wait < 600 && !std::filesystem::exists(labels + "/rgb-2.txt"); ++wait)
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  ::kill(child, SIGINT);
  const Ended ended = end(child);
  EXPECT_EQ(ended.status, 1) << ended.err;
  EXPECT_EQ(std::count(ended.err.begin(), ended.err.end(), '\n'), 1) << ended.err;
  EXPECT_NE(ended.err.find("of 100000 images are done"), std::string::npos) << ended.err;
  const json all = json::parse(folder_.text("r.json"));
  EXPECT_GE(all["images"].size(), 1u);
  EXPECT_LT(all["images"].size(), static_cast<std::size_t>(kPictures));
}

TEST_F(Cli, EndsAtATerminationWhileItWaitsForStandardInput) {
  ASSERT_EQ(::mkfifo(folder_.file("pipe").c_str(), 0600), 0);
  const int open_end = ::open(folder_.file("pipe").c_str(), O_RDWR | O_CLOEXEC);  // keeps the pipe open
  const pid_t child =
      start({"--model", kModel, "--no-draw", "--json", folder_.file("r.json"), "-"}, folder_.file("pipe"));
  std::this_thread::sleep_for(std::chrono::milliseconds(1500));
  ::kill(child, SIGTERM);
  const Ended ended = end(child);
  ::close(open_end);
  EXPECT_EQ(ended.status, 1) << ended.err;
  EXPECT_TRUE(json::parse(folder_.text("r.json"))["images"].empty());
}

}  // namespace
}  // namespace cudet::test
