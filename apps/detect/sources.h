// What the command line's sources stand for: a list of pictures.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace cudet::detect {

/// A picture to read.
struct Source {
  std::string path;  // "-": standard input
  std::string stem;  // for files named after the picture; no two pictures have the same

  std::string name() const { return path == "-" ? "stdin" : path; }  ///< for people and results
};

struct Sources {
  std::vector<Source> pictures;
  std::vector<std::string> problems;  // a line for each source that has none
};

/// The pictures of files, folders (jpg, jpeg, png, bmp in any case, in natural order, not of folders within), globs
/// (likewise), lists (.txt: a path a line, relative to the working directory) and "-". A second picture of the same
/// stem gets the stem "name-2".
Sources find_pictures(const std::vector<std::string>& arguments);

/// Natural order: runs of digits count as numbers, so that img2 is before img10.
bool natural_less(std::string_view a, std::string_view b);

}  // namespace cudet::detect
