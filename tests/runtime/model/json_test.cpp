// JSON values: parser, writer and comparison, also without memory. nlohmann::json is the independent reference.
#include "runtime/model/json.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <type_traits>

#include "tests/error_of.h"
#include "tests/runtime/allocations.h"

namespace cudet::test {
namespace {

using Reference = nlohmann::ordered_json;

static_assert(std::is_nothrow_move_constructible_v<Json> && std::is_nothrow_move_assignable_v<Json>);
static_assert(std::is_nothrow_destructible_v<Json>);

std::string error_at(const std::string& text, int max_depth = 16) {
  return error_of([&] { parse_json(text, max_depth); });
}

TEST(Json, WritesWhatItParsed) {
  for (const char* text : {"null", "true", "false", "0", "-7", "0.5", "\"\"", "[]", "{}", "[[],{}]", "[1,[2,[3]],4]",
                           R"({"b":[1,2.5,"x",null,true],"a":{"z":{},"":false}})"})
    EXPECT_EQ(parse_json(text).dump(), text);
  EXPECT_EQ(parse_json(" \t\r\n{ \"a\" : [ 1 , 2 ] }\n").dump(), R"({"a":[1,2]})");
}

TEST(Json, WritesAsTheReferenceDoes) {
  for (const char* text :
       {"1.0", "-0", "-0.0", "1e300", "1E-7", "0.1", "1e15", "1e16", "123456789.125", "5e-324",
        "1.7976931348623157e308", "0.30000000000000004", "9223372036854775807", "-9223372036854775808",
        R"("\"\\\/\b\f\n\r\t")", R"("\u0000\u001f\u007f")", R"("\u00e9\u20ac\ud83d\ude00")",
        "\"\xc3\xa9\xf0\x9f\x98\x80\"", R"([1,{"a":[],"b":{}},[[2]]])"}) {
    EXPECT_EQ(parse_json(text).dump(), Reference::parse(text).dump()) << text;
    EXPECT_EQ(parse_json(text).dump(Json::Layout::indented), Reference::parse(text).dump(1)) << text;
  }
}

TEST(Json, HasALayoutForPeople) {
  EXPECT_EQ(parse_json(R"([1,{"a":[2,3],"b":{}},[]])").dump(Json::Layout::spaced),
            R"([1, {"a": [2, 3], "b": {}}, []])");
}

TEST(Json, ReadsNumbers) {
  EXPECT_EQ(parse_json("-12").integer(), -12);
  EXPECT_EQ(parse_json("-12").number(), -12.0);
  EXPECT_EQ(parse_json("2.0").integer(), std::nullopt);
  EXPECT_EQ(parse_json("2.0").number(), 2.0);
  EXPECT_EQ(parse_json("2.0").dump(), "2.0");
  EXPECT_EQ(parse_json("9223372036854775807").integer(), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(parse_json("9223372036854775808").integer(), std::nullopt);
  EXPECT_EQ(parse_json("9223372036854775808").number(), 0x1p63);
  EXPECT_EQ(parse_json("1" + std::string(300, '0')).number(), 1e300);
  EXPECT_EQ(parse_json("1e-999").number(), 0.0);
  for (const double value : {0.1, 1.0 / 3, 1e23, 5e-324, 1.7976931348623157e308, -2.5})
    EXPECT_EQ(parse_json(Json(value).dump()).number(), value);
  EXPECT_EQ(Json(std::numeric_limits<double>::infinity()).dump(), "null");
  EXPECT_EQ(Json(std::nan("")).dump(), "null");
}

TEST(Json, KnowsTheTypeOfAValue) {
  const Json json = parse_json(R"({"flag": true, "text": "x", "none": null, "list": [1]})");
  EXPECT_EQ(json.find("flag")->boolean(), true);
  EXPECT_EQ(json.find("flag")->number(), std::nullopt);
  EXPECT_EQ(*json.find("text")->string(), "x");
  EXPECT_EQ(json.find("text")->boolean(), std::nullopt);
  EXPECT_TRUE(json.find("none")->is_null());
  EXPECT_EQ(json.find("list")->array()->size(), 1u);
  EXPECT_EQ(json.find("list")->string(), nullptr);
  EXPECT_EQ(json.find("list")->find("flag"), nullptr);
  EXPECT_EQ(json.find("other"), nullptr);
  EXPECT_EQ(json.object()->size(), 4u);
  EXPECT_EQ(json.array(), nullptr);
}

TEST(Json, IsBuiltFromValues) {
  const Json json = Json::Object{{"none", nullptr},
                                 {"flag", true},
                                 {"size", std::size_t{3}},
                                 {"text", "t"},
                                 {"list", std::vector<int>{1, 2}},
                                 {"names", std::vector<std::string>{"a"}},
                                 {"mixed", Json::Array{-1, 0.5, Json::Array{}}}};
  EXPECT_EQ(json.dump(),
            R"({"none":null,"flag":true,"size":3,"text":"t","list":[1,2],"names":["a"],"mixed":[-1,0.5,[]]})");
}

TEST(Json, ReplacesOrRefusesInvalidUtf8) {
  for (const char* text : {"caf\xe9", "\xff\xfe", "a\xc3", "\xe2\x82", "\xed\xa0\x80", "\xf0\x9f\x98", "\xc0\xaf"}) {
    const Json json(text);
    EXPECT_EQ(json.dump(), Reference(text).dump(-1, ' ', false, Reference::error_handler_t::replace));
    EXPECT_EQ(parse_json(json.dump()).string()->find("\xef\xbf\xbd") == std::string::npos, false);
    EXPECT_EQ(error_of([&] { json.dump(Json::Layout::compact, Json::InvalidUtf8::refuse); }), "text that is not UTF-8");
    EXPECT_NE(error_at("\"" + std::string(text) + "\""), "");
  }
  EXPECT_EQ(Json(Json::Object{{"k\xff", 1}}).dump(), "{\"k\xef\xbf\xbd\":1}");
  EXPECT_EQ(Json("\xc3\xa9").dump(Json::Layout::compact, Json::InvalidUtf8::refuse), "\"\xc3\xa9\"");
}

TEST(Json, TheLastOfEqualMembersCounts) {
  EXPECT_EQ(parse_json(R"({"a":1,"b":2,"a":3,"c":4,"b":5,"a":6})").dump(), R"({"c":4,"b":5,"a":6})");
  EXPECT_EQ(parse_json(R"([{"a":[1],"a":{"a":2,"a":3}}])").dump(), R"([{"a":{"a":3}}])");
  std::string many = "{";  // must not take quadratic time
  for (int i = 0; i < 200000; ++i) many += "\"" + std::to_string(i % 100000) + "\":" + std::to_string(i) + ",";
  const Json json = parse_json(many + "\"x\":0}");
  EXPECT_EQ(json.object()->size(), 100001u);
  EXPECT_EQ(json.find("0")->integer(), 100000);
}

TEST(Json, ComparesByValue) {
  const auto equal = [](const char* a, const char* b) { return parse_json(a) == parse_json(b); };
  EXPECT_TRUE(equal(R"([1,{"a":"x"}])", R"([1.0,{"a":"x"}])"));
  EXPECT_FALSE(equal("[1,2]", "[1,3]"));
  EXPECT_FALSE(equal("[1,2]", "[1]"));
  EXPECT_FALSE(equal("9007199254740993", "9007199254740992"));
  EXPECT_FALSE(equal("null", "false"));
  EXPECT_FALSE(equal("0", "false"));
  EXPECT_FALSE(equal("[]", "{}"));
  EXPECT_FALSE(equal("\"1\"", "1"));
  EXPECT_FALSE(equal(R"({"a":1})", R"({"b":1})"));
  EXPECT_TRUE(parse_json("\"nc\"") == "nc");
  EXPECT_TRUE(parse_json("1.0") == 1);
  EXPECT_FALSE(Json(std::nan("")) == Json(std::nan("")));
}

TEST(Json, LimitsTheDepth) {
  const auto nested = [](std::size_t levels, const std::string& inner) {
    return std::string(levels, '[') + inner + std::string(levels, ']');
  };
  EXPECT_EQ(error_at(nested(16, "1")), "");
  EXPECT_EQ(error_at(nested(17, "1")), "nested deeper than 16 levels");
  EXPECT_EQ(error_at(nested(2, R"({"a":1})"), 2), "nested deeper than 2 levels");
  EXPECT_EQ(error_at(std::string(1000000, '[')), "nested deeper than 16 levels");
  std::string objects;
  for (int i = 0; i < 100000; ++i) objects += "{\"a\":";
  EXPECT_EQ(error_at(objects, 8), "nested deeper than 8 levels");
}

TEST(Json, ErrorsNameTheByte) {
  EXPECT_EQ(error_at(""), "not JSON: error at byte 1");
  EXPECT_EQ(error_at("[1,]"), "not JSON: error at byte 4");
  EXPECT_EQ(error_at("{\"a\" 1}"), "not JSON: error at byte 6");
  EXPECT_EQ(error_at("[1] 2"), "not JSON: error at byte 5");
  EXPECT_EQ(error_at("[1e999]"), "not JSON: a number is out of range");
  EXPECT_EQ(error_at(std::string(100000, '9')), "not JSON: a number is out of range");
  for (const char* text :
       {"[1", "{", "tru", "01", "1.", "\"", "\"\\x\"", "\"\\ud800\"", "'a'", "{1:2}", "[1 2]", "NaN"})
    EXPECT_EQ(error_at(text).rfind("not JSON: error at byte ", 0), 0u) << text;
}

TEST(Json, AZeroByteDoesNotEndTheText) {
  for (const std::string& text :
       {std::string("{}\0", 3), std::string("{}\0x", 4), std::string("[\0]", 3), std::string("\0", 1)})
    EXPECT_EQ(error_at(text), "not JSON: error at byte " + std::to_string(text.find('\0') + 1));
}

TEST(Json, SurvivesEachFailedAllocation) {
  std::string text = R"({"names":["a name that is too long for the object","b"],"numbers":[1,2.5,1e300,-4],"o":{"x":)";
  text += R"({"y":[[],{},[{"z":"another text that needs memory of its own","z":null}]]}},"d":1,"d":[2],"t":true})";
  const std::size_t count = fail_each_allocation([&] {
    const Json json = parse_json(text);
    Json copy = json;
    if (!(copy == json)) throw std::logic_error("differs from its copy");
    copy = *json.find("o");
    if (copy == json) throw std::logic_error("equals a part of it");
    copy = Json::Array{json, copy};
    copy.dump(Json::Layout::indented);
  });
  EXPECT_GT(count, 100u);
  for (const char* bad : {"[1,[2,[3,\"a text that is long enough to need memory\" 4]]]", "[[1e999]]", "[\"\xff\"]", ""})
    EXPECT_GT(fail_each_allocation([&] { parse_json(bad); }), 0u);
}

}  // namespace
}  // namespace cudet::test
