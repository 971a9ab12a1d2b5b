// The command line of bench.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "runtime/cudet.h"

namespace cudet::bench {

struct Options {
  std::string model;         // empty with --op, --shapes and --from
  DetectorOptions detector;  // threads: at least 1; input {0, 0}: the model's own size
  int batch = 1, warmup = 5, runs = 50;
  std::string isa;  // empty: the best instruction set of this machine
  bool layers = false, sweep = false;
  std::string op, shape, shapes;           // an operator and its shape; or a file of such lines, which `op` filters
  std::vector<std::string> from, compare;  // stored results: to use instead of a measurement; to compare with
  std::optional<double> max_ratio;         // --fail-if-slower as a ratio: 1.05 for 5 per cent
  std::string json, csv, svg;              // output files; empty: none; "-": standard output

  bool operators() const { return !op.empty() || !shapes.empty(); }  // single operators instead of a model
  bool piped() const { return json == "-" || csv == "-" || svg == "-"; }
};

/// Parses the command line and checks the range of every number. Prints the help or the version if asked to, and then
/// returns nullopt. Throws Error whose one line names the option.
std::optional<Options> parse_options(int argc, const char* const* argv);

}  // namespace cudet::bench
