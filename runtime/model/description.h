// A model's description: the JSON file as plain data. Its syntax is checked; modules interpret their arguments later.
#pragma once
#include <string>
#include <vector>

#include "layers/arguments.h"
#include "layers/layer.h"
#include "runtime/cudet.h"

namespace cudet {

/// A row of the network table: [from, repeats, module, arguments].
struct TableRow {
  std::string label;      // "head row 3 (DySample)"
  std::vector<int> from;  // indices of rows over backbone and head; kNone: the network's input
  int repeats;
  std::string module;
  Arguments arguments;
  std::string from_text, arguments_text;  // as in the file
};

struct Description {
  std::string path;
  std::vector<std::string> names;  // one per class
  std::string scale;               // empty: channels and repeats are not scaled
  Scaling scaling;
  double bn_eps;
  Activations activations;
  Size input;
  int channels = 3;  // of the input
  std::vector<TableRow> rows;
  std::string weights;  // path, relative to the description's folder; empty if it names none
};

/// Reads a description. `scale`, unless empty, overrides the file's own. Throws Error with the path and, for a row, its
/// label.
Description read_description(const std::string& path, const std::string& scale = "");

/// Parses a description from text. `path` is used in messages and to find the weights.
Description parse_description(const std::string& text, const std::string& path, const std::string& scale = "");

}  // namespace cudet
