// Reports are written and read back; malformed files are refused with a one-line error.
#include "apps/bench/report/json.h"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "kernels/error.h"
#include "tests/apps/bench/reports.h"
#include "tests/temporary.h"

namespace cudet::bench::test {
namespace {

using Json = nlohmann::json;

/// A report with all optional members.
Report full_report() {
  Report report = small_report();
  report.machine.gpu = "A \"GPU\"";
  report.machine.busy = "something else runs";
  report.network->graph = times_around(22);
  report.network->launches = times_around(25);
  report.layers[0].error = 1.25e-6;
  report.layers[1].error = std::numeric_limits<double>::infinity();
  report.layers[1].cudnn = CudnnTime{"WINOGRAD", 0.5};
  report.throughput = {{1, 2, 40.5, {39, 41}}, {8, 2, 50, {49, 51}}};
  return report;
}

std::string error_of(const std::string& text) {
  try {
    parse_report(text, "r.json");
  } catch (const Error& error) {
    const std::string line = error.what();
    EXPECT_EQ(line.rfind("r.json: ", 0), 0u) << line;
    EXPECT_EQ(line.find('\n'), std::string::npos) << line;
    return line;
  }
  return "";
}

/// Replaces the value at `pointer` in a valid result and returns the error from parsing it.
std::string error_with(const std::string& pointer, const Json& value) {
  Json json = Json::parse(to_json(full_report()));
  json[Json::json_pointer(pointer)] = value;
  return error_of(json.dump());
}

TEST(BenchJson, ReadsBackWhatItWrote) {
  const std::string text = to_json(full_report());
  const Report back = parse_report(text, "r.json");
  EXPECT_EQ(to_json(back), text);
  EXPECT_EQ(back.machine.gpu, "A \"GPU\"");
  EXPECT_EQ(back.setting.width, 640);
  EXPECT_EQ(back.network->network.samples_ms, times_around(20).samples_ms);
  EXPECT_EQ(back.network->graph->p50_ms, times_around(22).p50_ms);
  EXPECT_EQ(back.network->launches->p50_ms, times_around(25).p50_ms);
  EXPECT_EQ(back.layers[0].error, 1.25e-6);
  EXPECT_TRUE(std::isinf(*back.layers[1].error));
  EXPECT_EQ(back.layers[1].cudnn->algorithm, "WINOGRAD");
  EXPECT_FALSE(back.layers[2].error);
  EXPECT_TRUE(back.layers[2].memory_bound);
  EXPECT_EQ(back.throughput[1].images_per_s, 50);
}

TEST(BenchJson, ReadsBackAResultOfOperators) {
  Report report = small_report();
  report.setting.model = "";
  report.network.reset();
  const Report back = parse_report(to_json(report), "r.json");
  EXPECT_FALSE(back.network);
  EXPECT_EQ(back.layers.size(), 3u);
}

TEST(BenchJson, ReadsResultsOfOlderVersions) {
  Json json = Json::parse(to_json(full_report()));
  for (const char* later : {"first_run_ms", "grown_mb"}) json["network"].erase(later);
  const Report back = parse_report(json.dump(), "r.json");
  EXPECT_EQ(back.network->peak_mb, 48);
  EXPECT_EQ(back.network->grown_mb, 0);
}

TEST(BenchJson, HasTheDocumentedMembers) {
  const Json json = Json::parse(to_json(full_report()));
  EXPECT_EQ(json["cudet"], "0.1.0");
  EXPECT_EQ(json["machine"]["peak_gflops"], 100);
  EXPECT_EQ(json["setting"]["batch"], 1);
  EXPECT_NEAR(json["network"]["p50_ms"].get<double>(), 20, 0.1);
  EXPECT_EQ(json["network"]["p50_interval_ms"].size(), 2u);
  EXPECT_NEAR(json["network"]["end_to_end"]["p99_ms"].get<double>(), 21, 0.5);
  EXPECT_NEAR(json["network"]["gflops"].get<double>(), 75, 0.5);  // 1.5 GFLOP in 20 ms
  EXPECT_EQ(json["network"]["load_ms"], 35);
  EXPECT_EQ(json["network"]["first_result_ms"], 120);
  EXPECT_EQ(json["network"]["first_run_ms"], 50);
  EXPECT_EQ(json["network"]["peak_mb"], 48);
  EXPECT_EQ(json["network"]["grown_mb"], 40);
  EXPECT_EQ(json["layers"][0]["name"], "model.0");
  EXPECT_EQ(json["layers"][0]["bound"], "arithmetic");
  EXPECT_EQ(json["layers"][2]["bound"], "memory");
  EXPECT_EQ(json["throughput"][0]["images_per_s"], 40.5);
}

TEST(BenchJson, ReplacesInvalidUtf8) {
  Report report = small_report();
  report.setting.model = "caf\xe9.json";
  EXPECT_EQ(parse_report(to_json(report), "r.json").setting.model, "caf\xef\xbf\xbd.json");
}

TEST(BenchJson, RefusesFilesThatAreNoResults) {
  EXPECT_NE(error_of("").find("not JSON"), std::string::npos);
  EXPECT_NE(error_of("[]").find("not a result of bench"), std::string::npos);
  EXPECT_NE(error_of("{\"model\": \"m.json\", \"images\": []}").find("not a result of bench"), std::string::npos);
  EXPECT_NE(error_of(std::string(100000, '[')).find("deep"), std::string::npos);
  const std::string text = to_json(full_report());
  for (std::size_t length = 0; length + 2 < text.size(); length += 97)
    EXPECT_NE(error_of(text.substr(0, length)), "") << length;
}

TEST(BenchJson, NamesTheInvalidMember) {
  EXPECT_NE(error_with("/machine", 1).find("machine must be an object"), std::string::npos);
  EXPECT_NE(error_with("/machine/cores", "two").find("\"cores\""), std::string::npos);
  EXPECT_NE(error_with("/machine/cores", 2.5).find("\"cores\""), std::string::npos);
  EXPECT_NE(error_with("/machine/cores", 1e300).find("\"cores\""), std::string::npos);
  EXPECT_NE(error_with("/machine/peak_gflops", nullptr).find("\"peak_gflops\""), std::string::npos);
  EXPECT_NE(error_with("/setting/model", "a\nb").find("\"model\""), std::string::npos);
  EXPECT_NE(error_with("/network/p50_ms", 0).find("\"p50_ms\""), std::string::npos);
  EXPECT_NE(error_with("/network/samples_ms", Json::array()).find("\"samples_ms\""), std::string::npos);
  EXPECT_NE(error_with("/network/samples_ms/3", -1).find("\"samples_ms\""), std::string::npos);
  EXPECT_NE(error_with("/network/samples_ms/3", "NaN").find("\"samples_ms\""), std::string::npos);
  EXPECT_NE(error_with("/network/p50_interval_ms", {3, 2}).find("\"p50_interval_ms\""), std::string::npos);
  EXPECT_NE(error_with("/network/end_to_end", {1}).find("end_to_end must be an object"), std::string::npos);
  EXPECT_NE(error_with("/layers", Json::object()).find("\"layers\""), std::string::npos);
  EXPECT_NE(error_with("/layers/1", 7).find("layers[1]"), std::string::npos);
  EXPECT_NE(error_with("/layers/1/bound", "both").find("layers[1]: \"bound\""), std::string::npos);
  EXPECT_NE(error_with("/layers/1/error", "x").find("layers[1]: \"error\""), std::string::npos);
  EXPECT_NE(error_with("/throughput/0/interval", {1, 2, 3}).find("throughput[0]: \"interval\""), std::string::npos);
  Json json = Json::parse(to_json(full_report()));
  json["layers"][2].erase("shape");
  EXPECT_NE(error_of(json.dump()).find("layers[2]: \"shape\" is missing"), std::string::npos);
}

TEST(BenchJson, ReadsFilesAndNamesMissingOnes) {
  const cudet::test::TemporaryFolder folder;
  folder.write("r.json", to_json(full_report()));
  EXPECT_EQ(read_report(folder.file("r.json")).layers.size(), 3u);
  try {
    read_report(folder.file("none.json"));
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("none.json"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace cudet::bench::test
