// The command line.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "runtime/cudet.h"

namespace cudet::bench {

struct Options {
  std::string model;         // empty where --op, --shapes or --from is given
  DetectorOptions detector;  // threads at least 1; input 0: the model's own
  int batch = 1, warmup = 5, runs = 50;
  std::string isa;  // the machine's best where empty
  bool layers = false, sweep = false;
  std::string op, shape, shapes;  // one line in two parts; or a file of lines, of which `op` picks where not empty
  std::vector<std::string> from, compare;  // results of earlier runs: in place of measuring; to compare with
  std::optional<double> most_slower;       // --fail-if-slower, as a ratio: 1.05
  std::string json, csv, svg;              // empty: not asked for; "-": standard output

  bool operators() const { return !op.empty() || !shapes.empty(); }  // and not a model
  bool piped() const { return json == "-" || csv == "-" || svg == "-"; }
};

/// The command line, every number within its range. Nothing where it asked for the help or the version, which have been
/// printed. Throws Error with one line that names the option.
std::optional<Options> parse_options(int argc, const char* const* argv);

}  // namespace cudet::bench
