#include "apps/checkpoint/pickle.h"

#include <gtest/gtest.h>

#include "kernels/error.h"

namespace cudet::convert::test {
namespace {

/// Returns the bytes of a literal, which may contain zeros.
template <std::size_t N>
std::vector<std::byte> pickle(const char (&text)[N]) {
  const auto* first = reinterpret_cast<const std::byte*>(text);
  return {first, first + N - 1};
}
std::vector<std::byte> pickle(const std::string& text) {
  const auto* first = reinterpret_cast<const std::byte*>(text.data());
  return {first, first + text.size()};
}

TEST(Pickle, ReadsEveryKindOfNumber) {
  const Pickle p(
      pickle("\x80\x02(NI01\nI00\nI0\nI-7\nL12L\nJ\xfe\xff\xff\xffK\xffM\x01\x02\x8a\x00\x8a\x02\x00\x80"
             "\x8b\x01\x00\x00\x00\x7f"
             "F1.5\nG\x3f\xf8\x00\x00\x00\x00\x00\x00\x88\x89"
             "\x8a\x09\x01\x00\x00\x00\x00\x00\x00\x00\x01t."));
  const PickleValue v = p.root();
  ASSERT_EQ(v.size(), 17u);
  EXPECT_TRUE(v[0].none());
  EXPECT_EQ(v[1].boolean(), true);
  EXPECT_EQ(v[2].boolean(), false);
  const std::vector<std::int64_t> integers = {0, -7, 12, -2, 255, 513, 0, -32768, 127};
  for (std::size_t i = 0; i < integers.size(); ++i) EXPECT_EQ(v[3 + i].integer(), integers[i]) << i;
  EXPECT_EQ(v[12].number(), 1.5);
  EXPECT_EQ(v[13].number(), 1.5);
  EXPECT_EQ(v[14].boolean(), true);
  EXPECT_EQ(v[15].boolean(), false);
  EXPECT_FALSE(v[16].integer()) << "more than 64 bits";
  EXPECT_TRUE(v.integers().empty()) << "not all are integers";
}

TEST(Pickle, ReadsTextsAndContainers) {
  const Pickle p(
      pickle("\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x00]\x94(X\x02\x00\x00\x00"
             "ab\x8c\x01"
             "cU\x00"
             "C\x01\xff}\x94(K\x01K\x02K\x01K\x03u(K\x05K\x06"
             "d\x8f(K\x07\x90\x85K\x01K\x02\x86"
             "e."));
  const PickleValue v = p.root();
  ASSERT_EQ(v.size(), 8u);
  EXPECT_EQ(v[0].text(), "ab");
  EXPECT_EQ(v[1].text(), "c");
  EXPECT_EQ(v[2].text(), "");
  EXPECT_EQ(v[3].bytes(), "\xff");
  EXPECT_FALSE(v[3].text());
  ASSERT_EQ(v[4].entries(), 2u);
  EXPECT_EQ(v[4].value(1).integer(), 3);
  EXPECT_EQ(v[5].key(0).integer(), 5);
  EXPECT_EQ(v[6][0][0].integer(), 7);
  EXPECT_EQ(v[7].integers(), (std::vector<std::int64_t>{1, 2}));
}

TEST(Pickle, UsesTheLastOfEqualKeys) {
  const Pickle p(
      pickle("}(U\x01"
             "aK\x01U\x01"
             "bK\x02U\x01"
             "aK\x03u."));
  EXPECT_EQ(p.root().find("a")->integer(), 3);
  EXPECT_FALSE(p.root().find("c"));
}

TEST(Pickle, RecordsObjectsWithoutConstructingThem) {
  const Pickle p(
      pickle("(cos\nsystem\n(U\x04"
             "exittR"                                       // REDUCE: not executed
             "cpkg.deep\nOuter.Inner\n)\x81}U\x01xK\x05sb"  // NEWOBJ, BUILD
             "\x8c\x03pkg\x8c\x01K\x93)}\x92"               // STACK_GLOBAL, NEWOBJ_EX
             "(iold\nStyle\n(cold\nOther\nK\x01o"           // INST, OBJ
             "ccopyreg\n_reconstructor\n(cpkg\nSlow\ncbuiltins\nobject\nNtR}U\x01yK\x06sbt."));
  const PickleValue v = p.root();
  ASSERT_EQ(v.size(), 6u);
  EXPECT_TRUE(v[0].is_object());
  EXPECT_EQ(v[0].module(), "os");
  EXPECT_EQ(v[0].arguments()[0].text(), "exit");
  EXPECT_EQ(v[1].name(), "Inner");
  EXPECT_EQ(v[1].attribute("x")->integer(), 5);
  EXPECT_FALSE(v[1].attribute("y"));
  EXPECT_EQ(v[2].name(), "K");
  EXPECT_EQ(v[3].name(), "Style");
  EXPECT_EQ(v[4].arguments().integers(), std::vector<std::int64_t>{1});
  EXPECT_EQ(v[5].name(), "Slow");
  EXPECT_EQ(v[5].attribute("y")->integer(), 6);
}

TEST(Pickle, ReadsBuiltInContainers) {
  const Pickle p(
      pickle("(ccollections\nOrderedDict\n)RU\x01"
             "aK\x01s}b"
             "ctorch\nSize\n(K\x02K\x03t\x85R"
             "c__builtin__\nset\n]K\x04"
             "a\x85R"
             "cbuiltins\nset\n)R"
             "(U\x07storageK\x01tQt."));
  const PickleValue v = p.root();
  ASSERT_EQ(v.size(), 5u);
  EXPECT_EQ(v[0].find("a")->integer(), 1);
  EXPECT_EQ(v[1].integers(), (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(v[2].integers(), std::vector<std::int64_t>{4});
  EXPECT_TRUE(v[3].is_list());
  EXPECT_EQ((*v[4].persistent())[0].text(), "storage");
}

TEST(Pickle, StoresAndLoadsMemoEntries) {
  const Pickle p(
      pickle("(K\x01q\x05"
             "0h\x05K\x02r\x00\x01\x00\x00"
             "0j\x00\x01\x00\x00]p9\n0g9\n2K\x03"
             "0(K\x01"
             "1t."));
  const PickleValue v = p.root();
  ASSERT_EQ(v.size(), 4u);
  EXPECT_EQ(v[0].integer(), 1);
  EXPECT_EQ(v[1].integer(), 2);
  EXPECT_TRUE(v[2].is_list());
  EXPECT_TRUE(v[3].is_list());
}

TEST(Pickle, HandlesCyclesAndDepth) {
  const Pickle self(
      pickle("]q\x00h\x00"
             "a."));
  EXPECT_EQ(self.root()[0][0][0].size(), 1u);
  std::string deep(1'000'000, ']');
  deep += std::string(999'999, 'a') + ".";
  EXPECT_EQ(Pickle(pickle(deep)).root().size(), 1u);
  std::string doubled = "]q\x01";  // each tuple contains the one before it twice: 2^1000 items if expanded
  for (int i = 0; i < 1000; ++i) doubled += "0(h\x01h\x01tq\x01";
  EXPECT_EQ(Pickle(pickle(doubled + ".")).root().size(), 2u);
  std::string copies = "(" + std::string(100'000, 'N') +
                       "lq\x01"
                       "0(";  // many sets of the same list
  for (int i = 0; i < 10'000; ++i) copies += "cbuiltins\nset\nh\x01\x85R";
  EXPECT_EQ(Pickle(pickle(copies + "t.")).root().size(), 10'000u);
}

TEST(Pickle, RefusesDamagedPickles) {
  const struct {
    std::vector<std::byte> bytes;
    const char* why;
  } cases[] = {
      {pickle(""), "truncated at byte 0"},
      {pickle("K"), "truncated"},
      {pickle("X\xff\xff\xff\xff"
              "a."),
       "truncated"},
      {pickle("\x8d\xff\xff\xff\xff\xff\xff\xff\xff"
              "a."),
       "truncated"},
      {pickle("cos\nsystem"), "truncated"},
      {pickle("\x80\x04\x95\x03\x00\x00\x00\x00\x00\x00\x00N."), "a frame is longer"},
      {pickle("."), "stack underflow"},
      {pickle("K\x01(."), "stack underflow"},
      {pickle("K\x01(R."), "stack underflow"},
      {pickle("t."), "missing mark"},
      {pickle("(o."), "without a class"},
      {pickle("NNR."), "arguments are not a tuple"},
      {pickle("NN\x93."), "without a name"},
      {pickle("X\x01\x00\x00\x00"
              "x)R."),
       "neither a class nor a function"},
      {pickle("}(X\x01\x00\x00\x00"
              "x)\x81u."),
       "neither a class nor a function"},
      {pickle("X\x02\x00\x00\x00"
              "a\xc3."),
       "not UTF-8"},
      {pickle("NNa."), "not a list"},
      {pickle("}(Nu."), "a key without a value"},
      {pickle("NNNs."), "not a dict"},
      {pickle("h\x01."), "never stored"},
      {pickle("Ix\n."), "invalid number"},
      {pickle("\x80\x06N."), "protocol"},
      {pickle("\x82\x01."), "unknown opcode 130 at byte 0"},
      {pickle(std::string(2'000'001, 'N') + "."), "more than 2,000,000 values"},
      {std::vector<std::byte>(65 << 20), "more than 64 MB"},
  };
  for (const auto& [bytes, why] : cases) {
    try {
      Pickle{bytes};
      ADD_FAILURE() << "accepted, expected: " << why;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(why), std::string::npos) << error.what() << ", expected: " << why;
    }
  }
}

}  // namespace
}  // namespace cudet::convert::test
