// Tests of reading images ahead and of stopping early.
#include "apps/detect/loader.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "tests/temporary.h"

namespace cudet::test {
namespace {

using namespace cudet::detect;

constexpr std::size_t kPixels = 10000;
const std::string kImages = "tests/data/images/";

TEST(Loader, GivesPicturesAndFailuresInOrder) {
  const TemporaryFolder folder;
  ASSERT_EQ(::mkfifo(folder.file("pipe.jpg").c_str(), 0600), 0);
  const std::vector<Source> sources = {{kImages + "rgb.png", "a"},      {kImages + "cut-rgb.png", "b"},
                                       {kImages + "baseline.jpg", "c"}, {folder.path().string(), "d"},
                                       {folder.file("pipe.jpg"), "e"},  {folder.file("none.jpg"), "f"},
                                       {kImages + "rgb.png", "g"}};
  for (const std::size_t ahead : {1, 3, 100}) {
    const std::atomic<bool> interrupted = false;
    Loader loader(sources, kPixels, 3, ahead, interrupted);
    for (const Source& source : sources) {
      const std::optional<Loaded> loaded = loader.next();
      ASSERT_TRUE(loaded);
      EXPECT_EQ(loaded->source, &source);
      EXPECT_EQ(loaded->error.empty(), std::string("acg").find(source.stem) != std::string::npos) << loaded->error;
      EXPECT_EQ(loaded->decoded.image.width, loaded->error.empty() ? 37 : 0);
    }
    EXPECT_FALSE(loader.next());
  }
}

TEST(Loader, ReportsFilesThatChangeUnderWay) {
  namespace fs = std::filesystem;
  const TemporaryFolder folder;
  std::vector<Source> sources;
  for (const char* name : {"0.png", "1.png", "2.png", "3.png", "4.png", "5.png"}) {
    fs::copy_file(kImages + "rgb.png", folder.path() / name);
    sources.push_back({folder.file(name), name});
  }
  const std::atomic<bool> interrupted = false;
  Loader loader(sources, kPixels, 3, 1, interrupted);
  EXPECT_EQ(loader.next()->error, "");  // by now it may have opened the next one
  fs::remove(sources[2].path);
  fs::remove(sources[3].path);
  fs::create_directory(sources[3].path);
  fs::resize_file(sources[4].path, 40);
  EXPECT_EQ(loader.next()->error, "");
  EXPECT_EQ(loader.next()->error, sources[2].path + ": No such file or directory");
  EXPECT_EQ(loader.next()->error, sources[3].path + ": is a folder, not an image");
  EXPECT_NE(loader.next()->error, "");
  EXPECT_EQ(loader.next()->error, "");
}

TEST(Loader, EndsWithPicturesLeft) {
  const std::vector<Source> sources(100, {kImages + "rgb.png", "a"});
  const std::atomic<bool> interrupted = false;
  Loader loader(sources, kPixels, 3, 2, interrupted);
  EXPECT_TRUE(loader.next());
}

TEST(Loader, GivesNothingOnceInterrupted) {
  const std::vector<Source> sources(100, {kImages + "rgb.png", "a"});
  std::atomic<bool> interrupted = false;
  Loader loader(sources, kPixels, 3, 2, interrupted);
  EXPECT_TRUE(loader.next());
  interrupted = true;
  EXPECT_FALSE(loader.next());
}

}  // namespace
}  // namespace cudet::test
