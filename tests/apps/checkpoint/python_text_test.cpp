#include "apps/checkpoint/python_text.h"

#include <gtest/gtest.h>

namespace cudet::convert::test {
namespace {

TEST(PythonText, IsUtf8WithSurrogates) {
  using namespace std::string_view_literals;
  for (const std::string_view text : {""sv, "a\0\x7f"sv, "\xc2\x80\xdf\xbf"sv, "\xe0\xa0\x80\xed\xa0\x80\xef\xbf\xbf"sv,
                                      "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"sv})
    EXPECT_TRUE(is_python_utf8(text)) << text;
  for (const std::string_view text :
       {"\x80"sv, "\xbf"sv, "a\xc3"sv, "\xc3z"sv, "\xc0\x80"sv, "\xc1\xbf"sv, "\xe0\x9f\xbf"sv, "\xe2\x82"sv,
        "\xf0\x8f\xbf\xbf"sv, "\xf4\x90\x80\x80"sv, "\xf8\x88\x80\x80\x80"sv, "\xff"sv})
    EXPECT_FALSE(is_python_utf8(text)) << text;
}

}  // namespace
}  // namespace cudet::convert::test
