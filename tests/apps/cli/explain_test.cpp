#include "apps/cli/explain.h"

#include <gtest/gtest.h>

#include <new>

#include "kernels/error.h"

namespace cudet::test {
namespace {

template <class Exception>
std::string explained(const Exception& exception) {
  try {
    throw exception;
  } catch (...) {
    return explain("best.pt");
  }
}

TEST(Explain, ConvertsAnyExceptionToOneLine) {
  EXPECT_EQ(explained(Error("model.3: too wide")), "model.3: too wide");
  EXPECT_EQ(explained(std::bad_alloc()), "best.pt: out of memory");
  EXPECT_EQ(explained(std::runtime_error("one\ntwo")), "best.pt: one?two");
  EXPECT_EQ(explained(std::system_error(EAGAIN, std::generic_category())),
            "best.pt: the system does not have enough threads");
}

TEST(Explain, ShortensLinesForATerminal) {
  EXPECT_EQ(terminal_line("a\nb\x1b"), "a?b?");
  const std::string whole = "begin" + std::string(990, 'x') + "end: 2";
  EXPECT_EQ(whole.size(), 1001u);
  EXPECT_EQ(terminal_line(whole.substr(1)), whole.substr(1));
  const std::string cut = terminal_line("begin" + std::string(100'000, 'x') + "end");
  EXPECT_EQ(cut.size(), 993u);
  EXPECT_TRUE(cut.starts_with("beginxx") && cut.ends_with("xxend") && cut.find("x...x") != cut.npos) << cut;
  std::string accents;
  for (int i = 0; i < 1000; ++i) accents += "\xc3\xa9";
  for (const char* other : {"", "a"}) {  // moves the characters at the start of the cut, and at its end
    const std::string line = terminal_line(other + accents + other);
    EXPECT_EQ(line.find("..."), line.find('.'));
    EXPECT_TRUE(line.find("\xc3.") == line.npos && line.find(".\xa9") == line.npos);
  }
}

}  // namespace
}  // namespace cudet::test
