#include "apps/bench/command.h"

#include <iostream>
#include <memory>

#include "apps/bench/options.h"
#include "apps/bench/plot/roofline.h"
#include "apps/bench/report/columns.h"
#include "apps/bench/report/compare.h"
#include "apps/bench/report/csv.h"
#include "apps/bench/report/json.h"
#include "apps/bench/report/table.h"
#include "apps/bench/run_benchmark.h"
#include "apps/cli/explain.h"
#include "apps/cli/isa.h"
#include "apps/files/atomic_file.h"
#include "apps/files/same_file.h"

namespace cudet::bench {
namespace {

void complain(const std::string& line) {
  std::cerr << "bench: " << terminal_line(line) << "\n";
}

/// An output file. It is opened before the measurement, so that a path that cannot be written is reported early.
class OutputFile {
 public:
  explicit OutputFile(const std::string& path) : path_(path) {
    if (path.empty()) return;
    file_ = std::make_unique<AtomicFile>(path);
    // This was only a check: a program that is killed while it measures must not leave a temporary file behind.
    if (!file_->is_direct()) file_.reset();
  }
  explicit operator bool() const { return !path_.empty(); }
  void write(const std::string& text) {
    if (!file_) file_ = std::make_unique<AtomicFile>(path_);
    file_->write(text);
    file_->commit();
  }

 private:
  std::string path_;
  std::unique_ptr<AtomicFile> file_;
};

/// Throws Error if an output would overwrite the weights file. Only the loaded description names that file.
void check_weights(const Options& options, const std::string& weights) {
  for (const std::string* path : {&options.json, &options.csv, &options.svg}) refuse_same_file(*path, weights);
}

/// Prints what is slower than --fail-if-slower allows: by a ratio above `max_ratio`. Returns the exit status.
int judge(const Comparison& comparison, double max_ratio) {
  std::string line;
  for (const Difference& d : slower_than(comparison, max_ratio))
    line += (line.empty() ? "" : ", ") + d.name + " (" + percent(d.ratio - 1) + ")";
  if (line.empty()) return 0;
  complain("slower by more than " + percent(max_ratio - 1) + ": " + line);
  return 1;
}

std::vector<Stored> read_all(const std::vector<std::string>& paths) {
  std::vector<Stored> results;
  results.reserve(paths.size());
  for (const std::string& path : paths) results.push_back({path, read_report(path)});
  return results;
}

/// The stored results that --from names, or else the result of a new measurement. At least one.
std::vector<Stored> load_or_measure(const Options& options, std::optional<Started>& started) {
  if (!options.from.empty()) return read_all(options.from);
  return {{"this run", started ? benchmark_model(*started, options, complain) : benchmark_operators(options)}};
}

int run(const Options& options) {
  use_isa(options.isa);
  OutputFile json(options.json), csv(options.csv), svg(options.svg);
  std::optional<Started> started;
  // First, as the time to the first result counts from the start of the process.
  if (!options.model.empty()) started = start_network(options.model, options.detector, options.batch);
  if (started) check_weights(options, started->model.weights_path());
  const std::vector<Stored> before = read_all(options.compare), now = load_or_measure(options, started);
  const Report& report = now.front().report;
  // Files are written before the table, because the table's reader may close the pipe. The plot is first, because it
  // can fail.
  if (svg) svg.write(roofline_svg(report));
  if (json) json.write(to_json(report));
  if (csv) csv.write(to_csv(report));
  if (options.piped() && !report.machine.busy.empty()) complain("times are unreliable: " + report.machine.busy);
  if (!options.piped() && now.size() == 1) print_table(report, std::cout);
  int status = 0;
  if (!before.empty()) {
    const Comparison comparison = compare(now, before);
    std::ostream& out = options.piped() ? std::cerr : std::cout;
    if (!options.piped() && now.size() == 1) out << "\n";
    print_comparison(comparison, out);
    if (options.max_ratio) {
      if (!comparison.busy.empty())
        throw Error("--fail-if-slower: no verdict from unreliable times: " + comparison.busy);
      status = judge(comparison, *options.max_ratio);
    }
  }
  std::cout.flush();
  if (!std::cout) throw Error("cannot write to standard output");
  return status;
}

/// What an error message starts with if the exception does not name its subject.
std::string subject(const Options& options) {
  if (!options.model.empty()) return options.model;
  if (!options.from.empty()) return options.from.front();
  return options.shapes.empty() ? options.op + " " + options.shape : options.shapes;
}

}  // namespace

int command(int argc, char** argv) {
  std::optional<Options> options;
  try {
    options = parse_options(argc, argv);
    return options ? run(*options) : 0;
  } catch (const std::exception&) {
    complain(explain(options ? subject(*options) : "the command line"));
    return 2;
  }
}

}  // namespace cudet::bench
