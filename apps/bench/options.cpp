#include "apps/bench/options.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "apps/cli/command_line.h"
#include "apps/cli/isa.h"
#include "apps/cli/precision.h"
#include "apps/cli/shipped_model.h"
#include "apps/cli/size.h"
#include "runtime/cpu/cores.h"

namespace cudet::bench {
namespace {

constexpr const char* kDescription =
    "Tells how fast a network, its steps or single operators run here.\n"
    "Each p50 comes with a 95 % interval, each step with how near it is to what this machine can do.";

constexpr const char* kFooter =
    "Examples:\n"
    "  bench                                           the bundled model: latency, load time, memory\n"
    "  bench best.json --layers --svg roofline.svg     each step, as a table and as a plot\n"
    "  bench best.json --sweep                         pictures a second over batch and threads\n"
    "  bench --op conv2d --shape '1x80x80x64 -> 64 k3x3 p1x1 silu'\n"
    "                                                  each kernel that there is for it\n"
    "  bench --layers --json before.json               what a change is to be compared with; after it:\n"
    "  bench --layers --compare before.json\n"
    "  bench --from after.json --compare before.json   the same of two stored results\n"
    "--from and --compare may be given several times, for several runs of one program: what differs then does so\n"
    "between each of these and each of those.\n"
    "\n"
    "Exit status: 0 done; 1 slower, where --fail-if-slower asks; 2 nothing came of it.";

constexpr int kMostThreads = 1024;

/// What the command line says in words.
struct Words {
  std::string device = "auto", precision = "auto", size;
  double most_slower = 0;  // per cent
};

/// A check whose range the help leaves out: the error tells it.
CLI::Validator range(int least, int most) {
  return CLI::Range(least, most).description("");
}
CLI::Validator one_of(std::set<std::string> words) {
  return CLI::IsMember(std::move(words)).description("");
}

void declare(CLI::App& app, Options& options, Words& words) {
  app.add_option("MODEL", options.model, "Model description, JSON (the bundled one)")->type_name("");
  app.set_version_flag("--version", "bench (cudet) " CUDET_VERSION, "Print the version");

  const auto option = [&](const char* group, const char* name, auto& value, const char* type, const char* help) {
    return app.add_option(name, value, help)->type_name(type)->group(group);
  };
  constexpr const char* kWhat = "What is measured, besides the network as a whole";
  app.add_flag("--layers", options.layers, "Each step of the network")->group(kWhat);
  app.add_flag("--sweep", options.sweep, "Throughput over batch and threads")->group(kWhat);
  option(kWhat, "--op", options.op, "OP", "In the network's place: an operator, \"conv2d\"");
  option(kWhat, "--shape", options.shape, "S", "... at this shape");
  option(kWhat, "--shapes", options.shapes, "F.txt", "... at those of a file with lines \"OP S\"; no --op: all lines");
  option(kWhat, "--from", options.from, "F.json", "Nothing: print, plot or compare this stored result")
      ->allow_extra_args(false);

  constexpr const char* kHow = "How";
  option(kHow, "--device", words.device, "D", "auto: CUDA where there is a device; cpu or cuda (auto)")
      ->check(one_of({"auto", "cpu", "cuda"}));
  option(kHow, "--precision", words.precision, "P", "fp32; fp16 on CUDA; int8 on the CPU (auto: int8 if quantised)")
      ->check(one_of({"auto", "fp32", "fp16", "int8"}));
  option(kHow, "--imgsz", words.size, "N|HxW", "Input of the network (the model's own)");
  option(kHow, "--batch", options.batch, "N", "Pictures that run as one (1)")->check(range(1, 1024));
  option(kHow, "--threads", options.detector.threads, "N", "Threads of the CPU (0: one a core)")
      ->check(range(0, kMostThreads));
  option(kHow, "--isa", options.isa, "I", isa_help().c_str());
  option(kHow, "--warmup", options.warmup, "N", "Runs before those that count (5)")->check(range(0, 100000));
  option(kHow, "--runs", options.runs, "N", "Runs that count (50)")->check(range(1, 100000));

  constexpr const char* kOutput = "Output, besides the table; F may be -, standard output, in the table's place";
  option(kOutput, "--json", options.json, "F", "All of it, to be stored and compared");
  option(kOutput, "--csv", options.csv, "F", "A row for each thing that was measured");
  option(kOutput, "--svg", options.svg, "F", "The roofline, a dot for each step or kernel");
  option(kOutput, "--compare", options.compare, "F.json", "What got faster or slower since this stored result")
      ->allow_extra_args(false);
  option(kOutput, "--fail-if-slower", words.most_slower, "P", "Exit status 1 where that is more than P per cent");
}

/// Throws where `one` was given together with any of `others`.
void exclude(const CLI::App& app, const std::string& one, std::initializer_list<const char*> others,
             const std::string& reason) {
  const auto given = [&](const std::string& option) { return app.count(option) > 0; };
  const auto other = std::find_if(others.begin(), others.end(), given);
  if (given(one) && other != others.end()) throw Error(one + " and " + *other + ": " + reason);
}

void check_combinations(const CLI::App& app, const Options& options) {
  exclude(app, "--from",
          {"MODEL", "--layers", "--sweep", "--op", "--shape", "--shapes", "--device", "--precision", "--imgsz",
           "--batch", "--threads", "--isa", "--warmup", "--runs"},
          "a stored result is measured already");
  for (const char* operators : {"--op", "--shapes"})
    exclude(app, operators, {"MODEL", "--layers", "--sweep", "--imgsz", "--batch"},
            "operators are measured at their shapes, without a network");
  const Precision precision = options.detector.precision;
  if (options.operators() &&
      (options.detector.device == Device::cuda || (precision != Precision::automatic && precision != Precision::fp32)))
    throw Error("--op and --shapes: operators alone are measured on the CPU, in fp32");
  exclude(app, "--shape", {"--shapes"}, "one of them is enough");
  if (!options.shape.empty() && options.op.empty()) throw Error("--shape " + options.shape + ": of what? (--op)");
  if (!options.op.empty() && options.shape.empty() && options.shapes.empty())
    throw Error("--op " + options.op + ": at which shape? (--shape or --shapes)");
  if (!options.svg.empty() && !options.layers && !options.operators() && options.from.empty())
    throw Error("--svg " + options.svg + ": of what? (--layers, --op or --from)");
  if (options.from.size() > 1 && (options.compare.empty() || !(options.json + options.csv + options.svg).empty()))
    throw Error("--from: several results can be compared only (--compare)");
  if (app.count("--fail-if-slower") && options.compare.empty()) throw Error("--fail-if-slower: than what? (--compare)");
}

void check_outputs(const Options& options) {
  std::vector<std::string> inputs = {options.model, options.shapes};
  for (const auto* results : {&options.from, &options.compare})
    inputs.insert(inputs.end(), results->begin(), results->end());
  std::set<std::filesystem::path> seen;
  for (const std::string* path : {&options.json, &options.csv, &options.svg}) {
    if (path->empty()) continue;
    std::error_code none_there;
    if (!seen.insert(std::filesystem::weakly_canonical(std::filesystem::absolute(*path), none_there)).second)
      throw Error(*path + ": one output at most can go there");
    for (const std::string& input : inputs)
      if (std::filesystem::equivalent(*path, input, none_there))
        throw Error(*path + ": would be written over what is read");
  }
}

void take(const CLI::App& app, const Words& words, Options& options) {
  for (std::string* path : {&options.json, &options.csv, &options.svg})
    if (*path == "/dev/stdout") *path = "-";
  if (words.device != "auto") options.detector.device = words.device == "cpu" ? Device::cpu : Device::cuda;
  options.detector.precision = parse_precision("--precision", words.precision);
  check_combinations(app, options);
  if (!words.size.empty()) options.detector.input = parse_size("--imgsz", words.size).size;
  options.detector.fit = Fit::whole;
  if (options.detector.threads == 0)
    options.detector.threads = std::min(kMostThreads, static_cast<int>(usable_cores().size()));
  if (app.count("--fail-if-slower")) {
    if (!(words.most_slower >= 0 && words.most_slower <= 1000))
      throw Error("--fail-if-slower: a number from 0 to 1000 is needed, in per cent");
    options.most_slower = 1 + words.most_slower / 100;
  }
  if (options.model.empty() && !options.operators() && options.from.empty()) {
    options.model = shipped_model();
    if (options.model.empty()) throw Error("which MODEL? None came with this program");
  }
  check_outputs(options);
}

}  // namespace

std::optional<Options> parse_options(int argc, const char* const* argv) {
  Options options;
  Words words;
  CLI::App app{kDescription, "bench"};
  app.footer(kFooter);
  app.get_formatter()->column_width(26);
  declare(app, options, words);
  if (!parse_command_line(app, argc, argv)) return std::nullopt;
  take(app, words, options);
  return options;
}

}  // namespace cudet::bench
