// Command-line options of detect.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "runtime/cudet.h"

namespace cudet::detect {

struct Options {
  std::string model, weights;  // weights: empty for the file that the description names
  DetectorOptions detector;    // input 0: the size given by the model
  DetectOptions detect;        // without classes, which depend on the model
  std::string classes;         // indices and names separated by commas, not parsed yet
  bool square = false;
  int batch = 1;
  std::size_t max_pixels = 0;  // per image
  std::string isa;             // instruction set of the CPU kernels; empty: the best of the machine
  std::string out = "out";
  bool draw = true, quiet = false;
  std::string json, coco, csv, txt, crops, raw;  // empty: off; "-": standard output
  bool confidences = false;                      // in the files of txt
  std::vector<std::string> sources;
};

/// Parses the command line and checks the range of each number. Prints the help or the version if the command line asks
/// for it, and then returns nothing. Throws Error with one line that names the option.
std::optional<Options> parse_options(int argc, const char* const* argv);

/// Returns the class indices of a list such as "0,2,person". Throws Error if an item is neither an index nor a class
/// name of the model.
std::vector<int> parse_classes(const std::string& list, const std::vector<std::string>& names);

}  // namespace cudet::detect
