#include "apps/bench/command.h"

#include <filesystem>
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

namespace cudet::bench {
namespace {

void complain(const std::string& line) {
  std::cerr << "bench: " << line << "\n";
}

/// A file that is opened before anything is measured, so that one that cannot be written is told then.
class OutputFile {
 public:
  explicit OutputFile(const std::string& path) : path_(path) {
    if (path.empty()) return;
    file_ = std::make_unique<AtomicFile>(path);
    if (!file_->is_direct()) file_.reset();  // what ends the program while it measures must not leave the temporary
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

/// Throws Error where an output is the file of the model's weights, whose name the model's description holds.
void check_weights(const Options& options, const std::string& weights) {
  std::error_code none_there;
  for (const std::string* path : {&options.json, &options.csv, &options.svg})
    if (std::filesystem::equivalent(*path, weights, none_there))
      throw Error(*path + ": would be written over what is read");
}

/// Prints what is slower than --fail-if-slower allows. Returns the exit status.
int judge(const Comparison& comparison, double most) {
  std::string line;
  for (const Difference& d : slower_than(comparison, most))
    line += (line.empty() ? "" : ", ") + d.name + " (" + percent(d.ratio - 1) + ")";
  if (line.empty()) return 0;
  complain("slower by more than " + percent(most - 1) + ": " + line);
  return 1;
}

std::vector<Stored> read_all(const std::vector<std::string>& paths) {
  std::vector<Stored> results;
  results.reserve(paths.size());
  for (const std::string& path : paths) results.push_back({path, read_report(path)});
  return results;
}

/// What is measured, or was: at least one.
std::vector<Stored> results_of(const Options& options, std::optional<Started>& started) {
  if (!options.from.empty()) return read_all(options.from);
  return {{"this run", started ? measure_model(*started, options, complain) : measure_operators(options)}};
}

int run(const Options& options) {
  use_isa(options.isa);
  OutputFile json(options.json), csv(options.csv), svg(options.svg);
  std::optional<Started> started;
  if (!options.model.empty()) started = start_network(options.model, options.detector, options.batch);  // timed
  if (started) check_weights(options, started->model.weights_path());
  const std::vector<Stored> before = read_all(options.compare), now = results_of(options, started);
  const Report& report = now.front().report;
  if (svg) svg.write(roofline_svg(report));  // files before the table, whose reader may leave; first what may fail
  if (json) json.write(to_json(report));
  if (csv) csv.write(to_csv(report));
  if (options.piped() && !report.machine.busy.empty()) complain("times mean little: " + report.machine.busy);
  if (!options.piped() && now.size() == 1) print_table(report, std::cout);
  int status = 0;
  if (!before.empty()) {
    const Comparison comparison = compare(now, before);
    std::ostream& out = options.piped() ? std::cerr : std::cout;
    if (!options.piped() && now.size() == 1) out << "\n";
    print_comparison(comparison, out);
    if (options.most_slower) {
      if (!comparison.busy.empty()) throw Error("--fail-if-slower: nothing is judged: " + comparison.busy);
      status = judge(comparison, *options.most_slower);
    }
  }
  std::cout.flush();
  if (!std::cout) throw Error("standard output cannot be written");
  return status;
}

/// What a failure that does not say it is of.
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
