#include "apps/cli/size.h"

#include <gtest/gtest.h>

namespace cudet::test {
namespace {

TEST(SizeOption, ReadsOneSideOrBoth) {
  const SizeOption one = parse_size("--imgsz", "640"), both = parse_size("--imgsz", "384x640");
  EXPECT_EQ(one.size, (Size{640, 640}));
  EXPECT_FALSE(one.exact);
  EXPECT_EQ(both.size, (Size{384, 640}));
  EXPECT_TRUE(both.exact);
  EXPECT_EQ(parse_size("--imgsz", "1X8192").size, (Size{1, kMaxInput}));
  EXPECT_TRUE(parse_size("--imgsz", "64x64").exact);
}

TEST(SizeOption, RefusesOtherText) {
  for (const char* text : {"", "0", "-3", "+3", "640x", "x640", "x", "640x640x640", "8193", "1x8193", "ten", "64 ",
                           "6.4", "1e3", "0x40", "99999999999999999999"}) {
    try {
      parse_size("--size", text);
      ADD_FAILURE() << "accepted: " << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.what(), "--size " + std::string(text) + ": expected N or HxW, whole numbers from 1 to 8192");
    }
  }
}

}  // namespace
}  // namespace cudet::test
