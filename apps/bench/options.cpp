#include "apps/bench/options.h"

#include <algorithm>
#include <set>

#include "apps/cli/command_line.h"
#include "apps/cli/isa.h"
#include "apps/cli/precision.h"
#include "apps/cli/shipped_model.h"
#include "apps/cli/size.h"
#include "apps/files/same_file.h"
#include "runtime/cpu/cores.h"

namespace cudet::bench {
namespace {

constexpr const char* kDescription =
    "Measures how fast a network, its steps or single operators run on this machine.\n"
    "Prints each median (p50) with its 95 % interval, and each step as a share of the machine's peak.";

constexpr const char* kFooter =
    "Examples:\n"
    "  bench                                           the bundled model: latency, load time, memory\n"
    "  bench best.json --layers --svg roofline.svg     each step, as a table and as a plot\n"
    "  bench best.json --sweep                         images per second over batch size and threads\n"
    "  bench --op conv2d --shape '1x80x80x64 -> 64 k3x3 p1x1 silu'\n"
    "                                                  every kernel of this operator\n"
    "  bench --layers --json before.json               store a result before a change, and after it\n"
    "  bench --layers --compare before.json            compare\n"
    "  bench --from after.json --compare before.json   compare two stored results\n"
    "--from and --compare may be repeated, for several runs of one program each: a difference is reported if all runs\n"
    "of the first differ from all runs of the second.\n"
    "\n"
    "Exit status: 0 success; 1 slower than --fail-if-slower allows; 2 error.";

constexpr int kMaxThreads = 1024;

/// Arguments that are parsed in a second step.
struct RawArguments {
  std::string device = "auto", precision = "auto", size;
  double max_slowdown = 0;  // per cent
};

/// A range check. The help does not show the range, the error message does.
CLI::Validator range(int min, int max) {
  return CLI::Range(min, max).description("");
}
CLI::Validator one_of(std::set<std::string> words) {
  return CLI::IsMember(std::move(words)).description("");
}

void declare(CLI::App& app, Options& options, RawArguments& raw) {
  app.add_option("MODEL", options.model, "Model description, JSON (the bundled one)")->type_name("");
  app.set_version_flag("--version", "bench (cudet) " CUDET_VERSION, "Print the version");

  const auto option = [&](const char* group, const char* name, auto& value, const char* type, const char* help) {
    return app.add_option(name, value, help)->type_name(type)->group(group);
  };
  constexpr const char* kWhat = "What to measure in addition to the whole network, or instead of it";
  app.add_flag("--layers", options.layers, "Each step of the network")->group(kWhat);
  app.add_flag("--sweep", options.sweep, "Throughput over batch size and threads")->group(kWhat);
  option(kWhat, "--op", options.op, "OP", "Instead of the network: one operator, e.g. \"conv2d\"");
  option(kWhat, "--shape", options.shape, "S", "... at this shape");
  option(kWhat, "--shapes", options.shapes, "F.txt", "... at each shape in a file of lines \"OP S\"; no --op: all");
  option(kWhat, "--from", options.from, "F.json", "Nothing: print, plot or compare this stored result")
      ->allow_extra_args(false);

  constexpr const char* kHow = "How to measure";
  option(kHow, "--device", raw.device, "D", "cpu, cuda or auto: CUDA if there is a device (auto)")
      ->check(one_of({"auto", "cpu", "cuda"}));
  option(kHow, "--precision", raw.precision, "P", "fp32; fp16 on CUDA; int8 on the CPU (auto: int8 if quantised)")
      ->check(one_of({"auto", "fp32", "fp16", "int8"}));
  option(kHow, "--imgsz", raw.size, "N|HxW", "Input size of the network (the model's own)");
  option(kHow, "--batch", options.batch, "N", "Images per batch (1)")->check(range(1, 1024));
  option(kHow, "--threads", options.detector.threads, "N", "CPU threads (0: one per core)")
      ->check(range(0, kMaxThreads));
  option(kHow, "--isa", options.isa, "I", isa_help().c_str());
  option(kHow, "--warmup", options.warmup, "N", "Runs before the measured ones (5)")->check(range(0, 100000));
  option(kHow, "--runs", options.runs, "N", "Measured runs (50)")->check(range(1, 100000));

  constexpr const char* kOutput = "Output in addition to the table; F = - is standard output, instead of the table";
  option(kOutput, "--json", options.json, "F", "The full result, to store and compare");
  option(kOutput, "--csv", options.csv, "F", "One row per measurement");
  option(kOutput, "--svg", options.svg, "F", "A roofline plot with a dot per step or kernel");
  option(kOutput, "--compare", options.compare, "F.json", "What is faster or slower than in this stored result")
      ->allow_extra_args(false);
  option(kOutput, "--fail-if-slower", raw.max_slowdown, "P", "Exit status 1 if anything is over P per cent slower");
}

/// Throws Error if `one` was given together with any of `others`.
void exclude(const CLI::App& app, const std::string& one, std::initializer_list<const char*> others,
             const std::string& reason) {
  const auto given = [&](const std::string& option) { return is_given(app, option); };
  const auto other = std::find_if(others.begin(), others.end(), given);
  if (given(one) && other != others.end()) throw Error(one + " and " + *other + ": " + reason);
}

void check_combinations(const CLI::App& app, const Options& options) {
  exclude(app, "--from",
          {"MODEL", "--layers", "--sweep", "--op", "--shape", "--shapes", "--device", "--precision", "--imgsz",
           "--batch", "--threads", "--isa", "--warmup", "--runs"},
          "a stored result is not measured again");
  for (const char* operators : {"--op", "--shapes"})
    exclude(app, operators, {"MODEL", "--layers", "--sweep", "--imgsz", "--batch"},
            "operators are measured at given shapes, without a network");
  const Precision precision = options.detector.precision;
  if (options.operators() &&
      (options.detector.device == Device::cuda || (precision != Precision::automatic && precision != Precision::fp32)))
    throw Error("--op and --shapes: single operators are measured on the CPU, in fp32");
  exclude(app, "--shape", {"--shapes"}, "give one of them");
  if (!options.shape.empty() && options.op.empty()) throw Error("--shape " + options.shape + ": needs --op");
  if (!options.op.empty() && options.shape.empty() && options.shapes.empty())
    throw Error("--op " + options.op + ": needs --shape or --shapes");
  if (!options.svg.empty() && !options.layers && !options.operators() && options.from.empty())
    throw Error("--svg " + options.svg + ": needs --layers, --op, --shapes or --from");
  if (options.from.size() > 1 && (options.compare.empty() || !(options.json + options.csv + options.svg).empty()))
    throw Error("--from: several results can only be compared (--compare)");
  if (is_given(app, "--fail-if-slower") && options.compare.empty()) throw Error("--fail-if-slower: needs --compare");
}

void check_outputs(const Options& options) {
  std::vector<std::string> inputs = {options.model, options.shapes};
  for (const auto* results : {&options.from, &options.compare})
    inputs.insert(inputs.end(), results->begin(), results->end());
  std::set<std::string> seen;
  for (const std::string* path : {&options.json, &options.csv, &options.svg}) {
    if (path->empty()) continue;
    if (!seen.insert(resolve_output(*path)).second) throw Error(*path + ": two outputs have this path");
    for (const std::string& input : inputs) refuse_same_file(*path, input);
  }
}

/// Completes and checks the options once CLI11 has filled in `options` and `raw`.
void finish(const CLI::App& app, const RawArguments& raw, Options& options) {
  for (std::string* path : {&options.json, &options.csv, &options.svg})
    if (is_standard_output(*path)) *path = "-";
  if (raw.device != "auto") options.detector.device = raw.device == "cpu" ? Device::cpu : Device::cuda;
  options.detector.precision = parse_precision("--precision", raw.precision);
  check_combinations(app, options);
  if (!raw.size.empty()) options.detector.input = parse_size("--imgsz", raw.size).size;
  options.detector.fit = Fit::whole;
  if (options.detector.threads == 0) options.detector.threads = std::min(kMaxThreads, default_threads());
  if (is_given(app, "--fail-if-slower")) {
    if (!(raw.max_slowdown >= 0 && raw.max_slowdown <= 1000))
      throw Error("--fail-if-slower: needs a number of per cent from 0 to 1000");
    options.max_ratio = 1 + raw.max_slowdown / 100;
  }
  if (options.model.empty() && !options.operators() && options.from.empty()) {
    options.model = shipped_model();
    if (options.model.empty()) throw Error("MODEL is missing: the bundled model was not found");
  }
  check_outputs(options);
}

}  // namespace

std::optional<Options> parse_options(int argc, const char* const* argv) {
  Options options;
  RawArguments raw;
  CLI::App app{kDescription, "bench"};
  app.footer(kFooter);
  app.get_formatter()->column_width(26);
  declare(app, options, raw);
  if (!parse_command_line(app, argc, argv)) return std::nullopt;
  finish(app, raw, options);
  return options;
}

}  // namespace cudet::bench
