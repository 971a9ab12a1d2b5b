#include "apps/bench/report/json.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/error.h"
#include "runtime/model/file.h"
#include "runtime/model/json.h"

namespace cudet::bench {
namespace {

// Limits for files that are read.
constexpr std::size_t kMaxBytes = 64 << 20;  // a result of YOLOv8x has some hundred thousand
constexpr int kMaxDepth = 8;                 // of nested values
constexpr double kMaxNumber = 1e15;

Json pair(const Interval& interval) {
  return Json::Array{interval.low, interval.high};
}

/// The members for times. Other members of the same object are added after them.
Json::Object to_json(const Times& times) {
  return {{"p50_ms", times.p50_ms},
          {"p90_ms", times.p90_ms},
          {"p99_ms", times.p99_ms},
          {"p50_interval_ms", pair(times.p50_interval_ms)},
          {"samples_ms", times.samples_ms}};
}

Json::Object to_json(const Machine& machine) {
  return {{"processor", machine.processor},
          {"cores", machine.cores},
          {"instructions", machine.instructions},
          {"gpu", machine.gpu},
          {"peak_gflops", machine.peak_gflops},
          {"bandwidth_gbs", machine.bandwidth_gbs},
          {"noise", machine.noise},
          {"busy", machine.busy}};
}

Json::Object to_json(const Setting& setting) {
  return {{"model", setting.model},     {"device", setting.device}, {"precision", setting.precision},
          {"height", setting.height},   {"width", setting.width},   {"batch", setting.batch},
          {"threads", setting.threads}, {"warmup", setting.warmup}, {"runs", setting.runs}};
}

void append(Json::Object& members, const Json::Object& more) {
  members.insert(members.end(), more.begin(), more.end());
}

Json::Object to_json(const Network& network) {
  Json::Object json = to_json(network.network);
  append(json, {{"gflop", network.gflop},
                {"gflops", network.gflop / network.network.p50_ms * 1e3},
                {"end_to_end", to_json(network.end_to_end)}});
  if (network.graph) json.emplace_back("graph", to_json(*network.graph));
  if (network.launches) json.emplace_back("launches", to_json(*network.launches));
  append(json, {{"load_ms", network.load_ms},
                {"first_result_ms", network.first_ms},
                {"first_run_ms", network.first_run_ms},
                {"peak_mb", network.peak_mb},
                {"grown_mb", network.grown_mb}});
  return json;
}

Json::Object to_json(const Measurement& layer) {
  Json::Object json{{"name", layer.name}, {"op", layer.op}, {"shape", layer.shape}};
  append(json, to_json(layer.time));
  append(json, {{"gflop", layer.gflop},
                {"mb", layer.mbytes},
                {"gflops", layer.gflops},
                {"gbs", layer.gbs},
                {"share_of_peak", layer.share_of_peak},
                {"bound", layer.memory_bound ? "memory" : "arithmetic"}});
  if (layer.error) json.emplace_back("error", *layer.error);
  if (layer.cudnn)
    json.emplace_back("cudnn", Json::Object{{"algorithm", layer.cudnn->algorithm}, {"p50_ms", layer.cudnn->p50_ms}});
  return json;
}

Json::Object to_json(const Throughput& throughput) {
  return {{"batch", throughput.batch},
          {"threads", throughput.threads},
          {"images_per_s", throughput.images_per_s},
          {"interval", pair(throughput.interval)}};
}

template <class Element>
std::string lines(const std::vector<Element>& elements) {
  std::string text = "[";
  for (const Element& element : elements) text += (text.size() > 1 ? ",\n" : "\n") + Json(to_json(element)).dump();
  return text + "]";
}

/// Reads the members of a JSON object. Error messages contain the object's path in the file.
class Reader {
 public:
  Reader(const Json& json, std::string path) : json_(json), path_(std::move(path)) {
    if (!json.object()) throw Error(path_ + " must be an object");
  }

  bool has(const char* name) const { return json_.find(name); }
  const Json& member(const char* name) const {
    const Json* found = json_.find(name);
    if (!found) throw Error(path_ + ": \"" + name + "\" is missing");
    return *found;
  }
  Reader object(const char* name) const { return {member(name), path_ + "." + name}; }

  double number(const char* name) const { return number(member(name), name); }
  int whole(const char* name) const {
    const double value = number(name);
    if (value != std::floor(value) || value > 1e9) fail(name, "must be a whole number up to 1e9");
    return static_cast<int>(value);
  }
  std::string text(const char* name) const {
    const std::string* value = member(name).string();
    if (!value) fail(name, "must be a string");
    const auto is_control = [](unsigned char c) { return c < ' ' || c == 0x7f; };
    if (std::any_of(value->begin(), value->end(), is_control)) fail(name, "has control characters");
    return *value;
  }
  std::vector<double> numbers(const char* name) const {
    std::vector<double> values;
    const Json::Array* list = member(name).array();
    if (!list || list->empty()) fail(name, "must be a list of numbers");
    for (const Json& value : *list) values.push_back(number(value, name));
    return values;
  }
  Interval interval(const char* name) const {
    const std::vector<double> ends = numbers(name);
    if (ends.size() != 2 || ends[0] > ends[1]) fail(name, "must be [low, high]");
    return {ends[0], ends[1]};
  }
  /// The elements of a list, each converted by `read` from a Reader.
  template <class Read>
  auto list(const char* name, const Read& read) const {
    std::vector<decltype(read(*this))> elements;
    const Json::Array* list = member(name).array();
    if (!list) fail(name, "must be a list");
    for (const Json& element : *list)
      elements.push_back(read(Reader(element, std::string(name) + "[" + std::to_string(elements.size()) + "]")));
    return elements;
  }

  [[noreturn]] void fail(const char* name, const std::string& why) const {
    throw Error(path_ + ": \"" + name + "\" " + why);
  }

 private:
  double number(const Json& value, const char* name) const {
    const double number = value.number().value_or(-1);
    if (!(number >= 0 && number <= kMaxNumber)) fail(name, "must contain numbers from 0 to 1e15");
    return number;
  }

  const Json& json_;
  std::string path_;
};

Times read_times(const Reader& json) {
  Times times{json.numbers("samples_ms"), json.number("p50_ms"), json.number("p90_ms"), json.number("p99_ms"),
              json.interval("p50_interval_ms")};
  if (times.p50_ms <= 0) json.fail("p50_ms", "must be more than 0");  // comparisons divide by it
  return times;
}

Machine read_machine(const Reader& json) {
  return {json.text("processor"),     json.whole("cores"),          json.text("instructions"), json.text("gpu"),
          json.number("peak_gflops"), json.number("bandwidth_gbs"), json.number("noise"),      json.text("busy")};
}

Setting read_setting(const Reader& json) {
  return {json.text("model"),  json.text("device"),   json.text("precision"), json.whole("height"), json.whole("width"),
          json.whole("batch"), json.whole("threads"), json.whole("warmup"),   json.whole("runs")};
}

Network read_network(const Reader& json) {
  return {read_times(json),
          read_times(json.object("end_to_end")),
          json.number("gflop"),
          json.number("load_ms"),
          json.number("first_result_ms"),
          json.has("first_run_ms") ? json.number("first_run_ms") : 0,  // missing in results of older versions
          json.number("peak_mb"),
          json.has("grown_mb") ? json.number("grown_mb") : 0,
          json.has("graph") ? std::optional(read_times(json.object("graph"))) : std::nullopt,
          json.has("launches") ? std::optional(read_times(json.object("launches"))) : std::nullopt};
}

/// null is infinity, as in to_json().
std::optional<double> read_error(const Reader& json) {
  if (!json.has("error")) return std::nullopt;
  return json.member("error").is_null() ? std::numeric_limits<double>::infinity() : json.number("error");
}

CudnnTime read_cudnn(const Reader& json) {
  return {json.text("algorithm"), json.number("p50_ms")};
}

Measurement read_layer(const Reader& json) {
  const std::string bound = json.text("bound");
  if (bound != "memory" && bound != "arithmetic") json.fail("bound", "must be memory or arithmetic");
  return {json.text("name"),
          json.text("op"),
          json.text("shape"),
          read_times(json),
          json.number("gflop"),
          json.number("mb"),
          json.number("gflops"),
          json.number("gbs"),
          json.number("share_of_peak"),
          bound == "memory",
          read_error(json),
          json.has("cudnn") ? std::optional(read_cudnn(json.object("cudnn"))) : std::nullopt};
}

Throughput read_throughput(const Reader& json) {
  return {json.whole("batch"), json.whole("threads"), json.number("images_per_s"), json.interval("interval")};
}

}  // namespace

std::string to_json(const Report& report) {
  std::string text = "{\"cudet\": " + Json(report.version).dump() +
                     ",\n\"machine\": " + Json(to_json(report.machine)).dump() +
                     ",\n\"setting\": " + Json(to_json(report.setting)).dump();
  if (report.network) text += ",\n\"network\": " + Json(to_json(*report.network)).dump();
  return text + ",\n\"layers\": " + lines(report.layers) + ",\n\"throughput\": " + lines(report.throughput) + "}\n";
}

Report parse_report(std::string_view text, const std::string& path) {
  try {
    const Json json = parse_json(text, kMaxDepth);
    if (!json.find("cudet") || !json.find("machine")) throw Error("not a result of bench (bench --json writes them)");
    const Reader report(json, "the result");
    return {report.text("cudet"),
            read_machine(report.object("machine")),
            read_setting(report.object("setting")),
            report.has("network") ? std::optional(read_network(report.object("network"))) : std::nullopt,
            report.list("layers", read_layer),
            report.list("throughput", read_throughput)};
  } catch (const Error& error) {
    throw Error(path + ": " + error.what());
  }
}

Report read_report(const std::string& path) {
  const std::vector<std::byte> bytes = read_file(path, kMaxBytes);
  return parse_report({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path);
}

}  // namespace cudet::bench
