// The plot: valid XML, its contents and their positions.
#include "apps/bench/plot/roofline.h"

#include <gtest/gtest.h>

#include <cmath>
#include <regex>

#include "apps/bench/plot/svg.h"
#include "kernels/error.h"
#include "tests/apps/bench/reports.h"

namespace cudet::bench::test {
namespace {

/// Expects that every element is closed, every attribute is quoted, and every '&' starts an entity.
void expect_xml(const std::string& text) {
  std::vector<std::string> open;
  std::string rest = text;
  const std::regex element(R"re(<(/?)([a-z]+)((?: [a-zA-Z0-9-]+="[^"<]*")* ?)(/?)>)re");
  for (std::smatch match; std::regex_search(rest, match, element); rest = match.suffix()) {
    EXPECT_EQ(match.prefix().str().find('<'), std::string::npos) << match.prefix();
    if (match[1].length() > 0) {
      ASSERT_FALSE(open.empty());
      EXPECT_EQ(open.back(), match[2].str());
      open.pop_back();
    } else if (match[4].length() == 0) {
      open.push_back(match[2]);
    }
  }
  EXPECT_TRUE(open.empty());
  EXPECT_EQ(rest.find('<'), std::string::npos) << rest;
  EXPECT_FALSE(std::regex_search(text, std::regex("&(?!(amp|lt|gt|quot);)")));
}

/// The radii of all dots with this colour.
std::vector<double> find_radii(const std::string& svg, const std::string& fill) {
  std::vector<double> radii;
  const std::regex circle("r=\"([0-9.]+)\" fill=\"" + fill + "\" fill-opacity");
  for (std::sregex_iterator i(svg.begin(), svg.end(), circle), end; i != end; ++i) radii.push_back(std::stod((*i)[1]));
  return radii;
}

TEST(Roofline, ShowsTheRoofsAndTheStepsBelowThem) {
  Report report = small_report();
  report.layers[2].op = "max_pool";
  report.layers[2].gflop = 0.01;
  report.layers[2].gflops = 5;
  const std::string svg = roofline_svg(report);
  expect_xml(svg);
  for (const char* words : {"best.json, fp32, 320x640, batch 1", "A Processor, AVX2, 2 of 4 cores", "conv2d 90 %",
                            "max_pool 10 %", "arithmetic: 100 GFLOP/s", "memory: 10 GB/s", "model.0 60.0 %",
                            "model.1 30.0 %", "model.2 10.0 %", ">GFLOP/s<", "arithmetic intensity"})
    EXPECT_NE(svg.find(words), std::string::npos) << words;
  EXPECT_EQ(svg.find("Not shown"), std::string::npos);
  const std::vector<double> conv = find_radii(svg, "#0072b2"), pool = find_radii(svg, "#d55e00");
  ASSERT_EQ(conv.size(), 2u);
  ASSERT_EQ(pool.size(), 1u);
  EXPECT_NEAR(std::pow(conv[0] / conv[1], 2), 2, 0.05);  // areas are proportional to times
  EXPECT_NEAR(std::pow(conv[0] / pool[0], 2), 6, 0.3);
}

TEST(Roofline, MentionsStepsWithoutArithmetic) {
  const std::string svg = roofline_svg(small_report());
  EXPECT_NE(svg.find("no arithmetic: 1 that take 10.0 %"), std::string::npos) << svg;
}

TEST(Roofline, ColoursOperatorsByKernel) {
  Report report = small_report();
  report.setting.model = "";
  report.network.reset();
  report.layers = {step("reference", "conv2d", 900, 1, 4), step("winograd", "conv2d", 4, 1, 4),
                   step("direct", "conv2d", 12, 1, 4)};
  const std::string svg = roofline_svg(report);
  expect_xml(svg);
  EXPECT_NE(svg.find(">Operators, fp32<"), std::string::npos);
  EXPECT_NE(svg.find(">direct 75 %<"), std::string::npos) << svg;
  EXPECT_EQ(find_radii(svg, "#0072b2").size(), 1u);
  EXPECT_EQ(find_radii(svg, "#d55e00").size(), 1u);
  EXPECT_EQ(find_radii(svg, "[^ ]*").size(), 2u);  // no dot for the reference, only a note
  EXPECT_NE(svg.find("Not shown: the reference"), std::string::npos);
  EXPECT_NE(svg.find("direct: 1x80x80x16 -&gt; 16 k3x3"), std::string::npos) << svg;
}

TEST(Roofline, ShowsThatTheMachineIsBusy) {
  Report report = small_report();
  EXPECT_EQ(roofline_svg(report).find("busy"), std::string::npos);
  report.machine.busy = "something else runs";
  EXPECT_NE(roofline_svg(report).find("busy, times are unreliable"), std::string::npos);
}

TEST(Roofline, IsValidXmlForAllNames) {
  Report report = small_report();
  report.setting.model = "a<b>&\"c\x01\xff.json";
  report.layers[0].name = "</text><script>";
  report.layers[0].op = "a&b";
  const std::string svg = roofline_svg(report);
  expect_xml(svg);
  EXPECT_NE(svg.find("a&lt;b&gt;&amp;&quot;c??.json"), std::string::npos) << svg;
  EXPECT_EQ(svg.find("<script"), std::string::npos);
}

TEST(Roofline, AcceptsExtremeNumbers) {
  Report report = small_report();
  report.layers[0].gflops = 1e11;
  report.layers[0].mbytes = 1e-6;
  report.layers[1].mbytes = 0;  // infinite intensity
  report.layers[2].gflops = report.layers[2].gflop = 1e-320;
  report.machine.bandwidth_gbs = 1e-8;
  const std::string svg = roofline_svg(report);
  expect_xml(svg);
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  EXPECT_EQ(svg.find("inf"), std::string::npos);
}

TEST(Roofline, NeedsStepsAndPeaks) {
  Report report = small_report();
  for (const double peak : {0.0, 1e-320, 1e300}) {
    report.machine.peak_gflops = peak;
    EXPECT_THROW(roofline_svg(report), Error) << peak;
  }
  report = small_report();
  report.layers.clear();
  EXPECT_THROW(roofline_svg(report), Error);
}

TEST(Svg, EscapesMarkupAndInvalidText) {
  EXPECT_EQ(escape_xml("a<b>&\"'"), "a&lt;b&gt;&amp;&quot;'");
  EXPECT_EQ(escape_xml("\n\x7f"), "??");
  EXPECT_EQ(escape_xml("é€😀"), "é€😀");
  EXPECT_EQ(escape_xml("\xc3"), "?");
  EXPECT_EQ(escape_xml("\xc0\xaf"), "??");            // overlong
  EXPECT_EQ(escape_xml("\xed\xa0\x80"), "???");       // half of a surrogate pair
  EXPECT_EQ(escape_xml("\xef\xbf\xbf"), "???");       // not allowed in XML
  EXPECT_EQ(escape_xml("\xf4\x90\x80\x80"), "????");  // above U+10FFFF
}

TEST(Svg, FormatsNumbers) {
  EXPECT_EQ(digits(0.5), "0.5");
  EXPECT_EQ(digits(2000), "2000");
  EXPECT_EQ(digits(98.64), "98.6");
  EXPECT_EQ(pixels(10.25), "10.2");
}

}  // namespace
}  // namespace cudet::bench::test
