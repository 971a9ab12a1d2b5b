#include "apps/bench/shapes_file.h"

#include <gtest/gtest.h>

#include "kernels/error.h"
#include "tests/temporary.h"

namespace cudet::bench::test {
namespace {

using cudet::test::TemporaryFolder;

TEST(ShapesFile, IsReadLineByLine) {
  const TemporaryFolder folder;
  const std::string path = folder.file("shapes.txt");
  folder.write("shapes.txt", "# a comment\n\n  copy 1x2x3x4  # 2 times\r\nupsample 1x2x3x4 x2\ncopy 1x2x3x5");
  const std::vector<Step> all = read_shapes_file(path, ""), copies = read_shapes_file(path, "copy");
  ASSERT_EQ(all.size(), 3u);
  EXPECT_STREQ(step_name(all[1]), "upsample");
  ASSERT_EQ(copies.size(), 2u);
  EXPECT_EQ(shape_text(copies[0]), "1x2x3x4");
  EXPECT_EQ(shape_text(copies[1]), "1x2x3x5");
  const auto complaint_of = [&](const std::string& file, const char* op) {
    try {
      read_shapes_file(file, op);
      return std::string("nothing");
    } catch (const Error& error) {
      return std::string(error.what());
    }
  };
  EXPECT_EQ(complaint_of(path, "conv2d"), path + ": has no line for operator \"conv2d\"");
  const std::string bad = folder.file("bad.txt"), empty = folder.file("empty.txt");
  folder.write("bad.txt", "copy 1x2x3x4\n\nupsample 1x2x3x4\n");
  folder.write("empty.txt", "# nothing\n");
  EXPECT_EQ(complaint_of(bad, "").rfind(bad + ":3: upsample 1x2x3x4: the scale is missing", 0), 0u)
      << complaint_of(bad, "");
  EXPECT_EQ(complaint_of(empty, ""), empty + ": has no line \"OPERATOR SHAPE\"");
  EXPECT_NE(complaint_of(folder.file("none.txt"), "").find("none.txt: "), std::string::npos);
}

}  // namespace
}  // namespace cudet::bench::test
