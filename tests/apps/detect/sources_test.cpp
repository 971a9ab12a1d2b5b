// Which pictures a command line stands for, and what they are called.
#include "apps/detect/sources.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "apps/detect/overwriting.h"
#include "kernels/error.h"
#include "tests/apps/detect/folder.h"

namespace cudet::test {
namespace {

std::vector<std::string> names_of(const Sources& sources) {
  std::vector<std::string> names;
  for (const Source& picture : sources.pictures)
    names.push_back(std::filesystem::path(picture.path).filename().string());
  return names;
}

std::vector<std::string> stems_of(const Sources& sources) {
  std::vector<std::string> stems;
  for (const Source& picture : sources.pictures) stems.push_back(picture.stem);
  return stems;
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
  const Folder folder;
  for (const char* name : {"img10.jpg", "img2.PNG", "img1.JPeG", "x.bmp", "notes.txt", "clip.gif"}) folder.touch(name);
  std::filesystem::create_directory(folder.path("inner.jpg"));
  EXPECT_EQ(names_of(find_pictures({folder.path()})), (Names{"img1.JPeG", "img2.PNG", "img10.jpg", "x.bmp"}));
}

TEST(FindPictures, ExpandsGlobs) {
  const Folder folder;
  for (const char* name : {"b12.jpg", "b3.jpg", "c1.jpg", "b4.txt", "b[1].png"}) folder.touch(name);
  EXPECT_EQ(names_of(find_pictures({folder.path("b*")})), (Names{"b3.jpg", "b12.jpg", "b[1].png"}));
  EXPECT_EQ(names_of(find_pictures({folder.path("b[1].png")})), (Names{"b[1].png"})) << "a file of that very name";
  const Sources none = find_pictures({folder.path("z*")});
  EXPECT_TRUE(none.pictures.empty());
  ASSERT_EQ(none.problems.size(), 1u);
  EXPECT_NE(none.problems[0].find("z*"), std::string::npos);
}

TEST(FindPictures, ReadsLists) {
  const Folder folder;
  folder.touch("b.jpg");
  folder.touch("a b.jpg");
  std::ofstream(folder.path("list.TXT")) << folder.path("b.jpg") << "\r\n\n" << folder.path("a b.jpg") << "\nno.jpg";
  const Sources sources = find_pictures({folder.path("list.TXT")});
  EXPECT_EQ(names_of(sources), (Names{"b.jpg", "a b.jpg"}));
  ASSERT_EQ(sources.problems.size(), 1u);
  EXPECT_EQ(sources.problems[0].rfind("no.jpg: ", 0), 0u);
  std::ofstream(folder.path("empty.txt")) << "\n";
  EXPECT_EQ(find_pictures({folder.path("empty.txt")}).problems.size(), 1u);
}

TEST(FindPictures, NamesWhatHasNone) {
  const Folder folder;
  const Sources sources = find_pictures({folder.path(), folder.path("missing.jpg")});
  EXPECT_TRUE(sources.pictures.empty());
  ASSERT_EQ(sources.problems.size(), 2u);
  EXPECT_NE(sources.problems[1].find("missing.jpg"), std::string::npos);
}

TEST(FindPictures, GivesEachPictureAStemOfItsOwn) {
  const Folder folder;
  for (const char* name : {"one/a.jpg", "two/a.jpg", "two/a.png", "a-2.jpg", "stdin.jpg"}) folder.touch(name);
  const Sources sources = find_pictures({folder.path("one"), folder.path("two"), folder.path(), "-"});
  EXPECT_EQ(stems_of(sources), (Names{"a", "a-2", "a-3", "a-2-2", "stdin", "stdin-2"}));
  EXPECT_EQ(sources.pictures.back().name(), "stdin");
}

TEST(RefuseOverwriting, ProtectsWhatIsRead) {
  const Folder folder;
  folder.touch("a.jpg");
  folder.touch("m.json");
  Options options;
  options.model = folder.path("m.json");
  options.sources = {folder.path("a.jpg")};
  options.out = folder.path("out");
  const Sources sources = find_pictures(options.sources);
  refuse_overwriting(options, sources);

  Options same = options;
  same.out = folder.path();
  EXPECT_THROW(refuse_overwriting(same, sources), Error);
  same.draw = false;
  refuse_overwriting(same, sources);
  same.json = folder.path("./m.json");
  EXPECT_THROW(refuse_overwriting(same, sources), Error);
  same.json = folder.path("r.json");
  same.csv = folder.path("./r.json");
  EXPECT_THROW(refuse_overwriting(same, sources), Error);
  same.csv = "-";
  refuse_overwriting(same, sources);
}

}  // namespace
}  // namespace cudet::test
