// A model's description: the JSON file as plain data, its form checked, nothing of it interpreted yet.
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
  std::vector<int> from;  // absolute rows, counted over backbone and head; kNone: the picture
  int repeats;
  std::string module;
  Arguments arguments;
  std::string from_text, arguments_text;  // as the file has them
};

struct Description {
  std::string path;
  std::vector<std::string> names;  // one a class
  std::string scale;               // empty: channels and repeats are literal
  Scaling scaling;
  double bn_eps;
  Size input;
  std::vector<TableRow> rows;
  std::string weights;  // path, resolved against the description's folder; empty where it names none
};

/// Reads a description. `scale`, where not empty, is taken in place of the file's own. Throws Error with the path and,
/// for a row, its label.
Description read_description(const std::string& path, const std::string& scale = "");

/// The same from text; `path` is for messages and for the weights' folder.
Description parse_description(const std::string& text, const std::string& path, const std::string& scale = "");

}  // namespace cudet
