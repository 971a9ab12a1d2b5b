// The command line.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "runtime/cudet.h"

namespace cudet::detect {

struct Options {
  std::string model, weights;  // weights: empty where the description names them
  DetectorOptions detector;    // input 0: the model's own
  DetectOptions detect;        // without its classes, which need the model
  std::string classes;         // as given: indices and names, separated by commas
  bool square = false;
  int batch = 1;
  std::size_t max_pixels = 0;  // of a picture
  std::string isa;             // of the CPU's kernels; the machine's best where empty
  std::string out = "out";
  bool draw = true, quiet = false;
  std::string json, coco, csv, txt, raw;  // empty: not asked for; "-": standard output
  std::vector<std::string> sources;
};

/// The command line, every number within its range. Nothing where it asked for the help or the version, which have been
/// printed. Throws Error with one line that names the option.
std::optional<Options> parse_options(int argc, const char* const* argv);

/// Class indices of a list such as "0,2,person". Throws Error where a part is neither an index nor a name of the model.
std::vector<int> parse_classes(const std::string& list, const std::vector<std::string>& names);

}  // namespace cudet::detect
