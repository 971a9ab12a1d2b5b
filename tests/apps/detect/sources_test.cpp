// Tests of the list of images, their order and their stems, and of the check against overwriting.
#include "apps/detect/sources.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "apps/detect/refuse_overwriting.h"
#include "kernels/error.h"
#include "tests/temporary.h"

namespace cudet::test {
namespace {

using namespace cudet::detect;

std::vector<std::string> file_names(const Sources& sources) {
  std::vector<std::string> names;
  for (const Source& picture : sources.images) names.push_back(std::filesystem::path(picture.path).filename().string());
  return names;
}

std::vector<std::string> stems(const Sources& sources) {
  std::vector<std::string> all;
  for (const Source& picture : sources.images) all.push_back(picture.stem);
  return all;
}

using Names = std::vector<std::string>;

TEST(NaturalLess, CountsDigitsAsNumbers) {
  Names names = {"img10", "img2", "img1", "img02b", "img2a", "a", "img", "img100000000000000000000000", "img3", "B"};
  std::sort(names.begin(), names.end(), natural_less);
  EXPECT_EQ(names, (Names{"B", "a", "img", "img1", "img2", "img2a", "img02b", "img3", "img10",
                          "img100000000000000000000000"}));
  EXPECT_TRUE(natural_less("a01", "a1"));
  EXPECT_FALSE(natural_less("a1", "a01"));
  EXPECT_FALSE(natural_less("a1", "a1"));
}

TEST(FindPictures, TakesAFolderInNaturalOrder) {
  const TemporaryFolder folder;
  for (const char* name : {"img10.jpg", "img2.PNG", "img1.JPeG", "x.bmp", "notes.txt", "clip.gif"}) folder.write(name);
  for (const char* name : {"y.webp", "y.TIF", "z.tiff", "z.mpo", ".hidden.jpg", "clip2.GIF", "Makefile"})
    folder.write(name);
  std::filesystem::create_directory(folder.file("inner.jpg"));
  const Sources sources = find_sources({folder.path().string()});
  EXPECT_EQ(file_names(sources),
            (Names{"img1.JPeG", "img2.PNG", "img10.jpg", "x.bmp", "y.TIF", "y.webp", "z.mpo", "z.tiff"}));
  EXPECT_TRUE(sources.problems.empty());
  EXPECT_EQ(describe_others(sources.others), "4 files were not read: .gif 2, without extension 1, .txt 1");
}

TEST(DescribeOthers, CountsByExtension) {
  EXPECT_EQ(describe_others({}), "");
  EXPECT_EQ(describe_others({{".pdf", 1}}), "1 file was not read: .pdf 1");
  EXPECT_EQ(describe_others({{".gif", 2}, {".pdf", 1}}), "3 files were not read: .gif 2, .pdf 1");
}

TEST(FindPictures, ExpandsGlobs) {
  const TemporaryFolder folder;
  for (const char* name : {"b12.jpg", "b3.jpg", "c1.jpg", "b4.txt", "b[1].png"}) folder.write(name);
  EXPECT_EQ(file_names(find_sources({folder.file("b*")})), (Names{"b3.jpg", "b12.jpg", "b[1].png"}));
  EXPECT_EQ(file_names(find_sources({folder.file("b[1].png")})), (Names{"b[1].png"}))
      << "a file with exactly this name";
  const Sources none = find_sources({folder.file("z*")});
  EXPECT_TRUE(none.images.empty());
  ASSERT_EQ(none.problems.size(), 1u);
  EXPECT_NE(none.problems[0].find("z*"), std::string::npos);
}

/// What Python's glob.glob(pattern, recursive=True) returns, without folders, for the same files.
TEST(FindPictures, ExpandsTwoStarsAsPythonDoes) {
  const TemporaryFolder folder;
  for (const char* name : {"a.jpg", "x/b.jpg", "x/y/c.jpg", "x/y/z/d.png", ".h/e.jpg", "x/.f.jpg", "x/y/notes.txt"})
    folder.write(name);
  std::filesystem::create_directory_symlink("..", folder.file("x/up"));
  const auto found = [&](const std::string& pattern) { return file_names(find_sources({folder.file(pattern)})); };
  EXPECT_EQ(found("**"), (Names{"a.jpg", "b.jpg", "c.jpg", "d.png"}));
  EXPECT_EQ(found("**/*.jpg"), (Names{"a.jpg", "b.jpg", "c.jpg"}));
  EXPECT_EQ(found("x/**/*.jpg"), (Names{"b.jpg", "a.jpg", "c.jpg"})) << "through the link";
  EXPECT_EQ(found("**/y/**"), (Names{"c.jpg", "d.png"}));
  EXPECT_EQ(found("**/**/y/*"), (Names{"c.jpg"}));
  EXPECT_EQ(found("x**/*"), (Names{"b.jpg"})) << "** within a name is *";
  EXPECT_EQ(found(".h/*"), (Names{"e.jpg"}));
  EXPECT_EQ(found("[!x].jpg"), (Names{"a.jpg"}));
  EXPECT_EQ(found("**/"), Names{});
  EXPECT_EQ(describe_others(find_sources({folder.file("**")}).others), "1 file was not read: .txt 1");
}

TEST(FindPictures, ReportsFoldersThatAGlobCannotRead) {
  if (::geteuid() == 0) GTEST_SKIP() << "root reads every folder";
  const TemporaryFolder folder;
  folder.write("a.jpg");
  folder.write("closed/b.jpg");
  std::filesystem::permissions(folder.file("closed"), std::filesystem::perms::none);
  const Sources sources = find_sources({folder.file("**/*.jpg")});
  std::filesystem::permissions(folder.file("closed"), std::filesystem::perms::owner_all);
  EXPECT_EQ(file_names(sources), Names{"a.jpg"});
  ASSERT_EQ(sources.problems.size(), 1u);
  EXPECT_NE(sources.problems[0].find("closed/: "), std::string::npos) << sources.problems[0];
}

TEST(FindPictures, LooksForTheLinesOfAListInItsFolderToo) {
  const TemporaryFolder folder;
  for (const char* name : {"sub/a.jpg", "sub/in/b.jpg", "sub/in/c.png", "sub/in/d.gif"}) folder.write(name);
  folder.write("sub/list.txt", "a.jpg\nin\nin/*.png\n" + folder.file("sub/a.jpg") +
                                   "\ntests/data/images/rgb.png\nno/*.jpg\nlist.txt\n/a.jpg\n");
  const Sources sources = find_sources({folder.file("sub/list.txt")});
  EXPECT_EQ(file_names(sources), (Names{"a.jpg", "b.jpg", "c.png", "c.png", "a.jpg", "rgb.png"}));
  EXPECT_EQ(describe_others(sources.others), "1 file was not read: .gif 1");
  ASSERT_EQ(sources.problems.size(), 3u);
  EXPECT_EQ(sources.problems[0], "no/*.jpg: no image matches");
  EXPECT_EQ(sources.problems[1], folder.file("sub/list.txt") + ": a list cannot name another list");
  EXPECT_TRUE(sources.problems[2].starts_with("/a.jpg: "));
}

TEST(FindPictures, ReadsLists) {
  const TemporaryFolder folder;
  folder.write("b.jpg");
  folder.write("a b.jpg");
  std::ofstream(folder.file("list.TXT")) << "\xef\xbb\xbf" << folder.file("b.jpg") << "\r\n\n"
                                         << folder.file("a b.jpg") << "\nno.jpg";
  const Sources sources = find_sources({folder.file("list.TXT")});
  EXPECT_EQ(file_names(sources), (Names{"b.jpg", "a b.jpg"}));
  ASSERT_EQ(sources.problems.size(), 1u);
  EXPECT_EQ(sources.problems[0].rfind("no.jpg: ", 0), 0u);
  std::ofstream(folder.file("long.txt")) << std::string(5000, 'a') << "\n" << folder.file("b.jpg");
  const Sources others = find_sources({folder.file("long.txt")});
  EXPECT_EQ(others.images.size(), 1u);
  EXPECT_EQ(others.problems, Names{folder.file("long.txt") + ": a line has more than 4095 bytes"});
  std::ofstream(folder.file("empty.txt")) << "\n";
  EXPECT_EQ(find_sources({folder.file("empty.txt")}).problems.size(), 1u);
}

TEST(FindPictures, NamesSourcesWithoutPictures) {
  const TemporaryFolder folder;
  const Sources sources = find_sources({folder.path().string(), folder.file("missing.jpg")});
  EXPECT_TRUE(sources.images.empty());
  ASSERT_EQ(sources.problems.size(), 2u);
  EXPECT_NE(sources.problems[1].find("missing.jpg"), std::string::npos);
}

TEST(FindPictures, GivesEachPictureAStemOfItsOwn) {
  const TemporaryFolder folder;
  for (const char* name : {"one/a.jpg", "two/a.jpg", "two/a.png", "a-2.jpg", "stdin.jpg"}) folder.write(name);
  const Sources sources = find_sources({folder.file("one"), folder.file("two"), folder.path().string(), "-"});
  EXPECT_EQ(stems(sources), (Names{"a", "a-2", "a-3", "a-2-2", "stdin", "stdin-2"}));
  EXPECT_EQ(sources.images.back().name(), "stdin");
}

class RefuseOverwriting : public testing::Test {
 protected:
  RefuseOverwriting() {
    for (const char* name : {"a.jpg", "m.json", "w.safetensors", "list.txt"}) folder_.write(name);
    folder_.write("list.txt", folder_.file("a.jpg") + "\n");
    options_.model = folder_.file("m.json");
    options_.sources = {folder_.file("list.txt")};
    options_.out = folder_.file("out");
  }
  std::string error_of(const Options& options) const {
    try {
      refuse_overwriting(options, find_sources(options.sources), folder_.file("w.safetensors"));
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }

  TemporaryFolder folder_;
  Options options_;
};

TEST_F(RefuseOverwriting, ProtectsTheInputs) {
  EXPECT_EQ(error_of(options_), "");
  Options same = options_;
  same.out = folder_.path().string();
  EXPECT_NE(error_of(same).find("would overwrite " + folder_.file("a.jpg")), std::string::npos) << error_of(same);
  same.draw = false;
  EXPECT_EQ(error_of(same), "");
  for (const char* input : {"./m.json", "w.safetensors", "list.txt", "a.jpg"})
    for (std::string Options::*output : {&Options::json, &Options::coco, &Options::csv, &Options::raw}) {
      Options over = options_;
      over.*output = folder_.file(input);
      EXPECT_NE(error_of(over).find("would overwrite"), std::string::npos) << input;
    }
  std::filesystem::create_symlink("w.safetensors", folder_.file("link"));
  same.raw = folder_.file("link");
  EXPECT_NE(error_of(same).find("w.safetensors"), std::string::npos) << error_of(same);
}

TEST_F(RefuseOverwriting, KeepsOutputsApart) {
  const auto error_with = [&](std::string Options::*one, const std::string& to, std::string Options::*other,
                              const std::string& too) {
    Options options = options_;
    options.*one = to;
    options.*other = too;
    return error_of(options);
  };
  const std::string clash = "another output is written to ";
  const auto file = [&](const std::string& name) { return folder_.file(name); };
  const auto csv = &Options::csv, txt = &Options::txt, json = &Options::json;
  EXPECT_NE(error_with(json, file("r"), csv, file("./r")).find(clash), std::string::npos);
  EXPECT_NE(error_with(csv, file("lab/a.txt"), txt, file("lab")).find(clash), std::string::npos);
  EXPECT_NE(error_with(csv, file("out/../out/a.jpg"), txt, file("lab")).find(clash), std::string::npos);
  EXPECT_EQ(error_with(csv, file("lab/b.txt"), txt, file("lab")), "");
  EXPECT_EQ(error_with(json, "-", csv, "/dev/null"), "");
  folder_.write("lab/a.txt");
  std::filesystem::create_symlink("lab/a.txt", file("link"));
  EXPECT_NE(error_with(csv, file("link"), txt, file("lab")).find(clash), std::string::npos);
  std::filesystem::create_symlink("../new", file("lab/new"));  // a link to a file that does not exist
  EXPECT_NE(error_with(json, file("new"), csv, file("lab/new")).find(clash), std::string::npos);
  EXPECT_EQ(error_with(json, file("other"), csv, file("lab/new")), "");
}

TEST_F(RefuseOverwriting, KeepsDrawnImagesOutOfTheCrops) {
  options_.crops = folder_.file("crops");
  EXPECT_EQ(error_of(options_), "");
  options_.out = folder_.file("crops/../crops/person");
  EXPECT_NE(error_of(options_).find("--save-crop"), std::string::npos);
  options_.draw = false;
  EXPECT_EQ(error_of(options_), "");
  options_.draw = true;
  options_.out = options_.crops;
  EXPECT_EQ(error_of(options_), "");
}

TEST_F(RefuseOverwriting, RequiresAFileForRawOutput) {
  ASSERT_EQ(::mkfifo(folder_.file("pipe").c_str(), 0600), 0);
  for (const std::string& path : {folder_.file("pipe"), std::string("/dev/null"), folder_.path().string()}) {
    options_.raw = path;
    EXPECT_EQ(error_of(options_), "--dump-raw " + path + ": not a regular file");
  }
}

}  // namespace
}  // namespace cudet::test
