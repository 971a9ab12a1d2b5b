// Expands the sources of the command line to a list of images.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace cudet::detect {

/// An image to read.
struct Source {
  std::string path;  // "-": standard input
  std::string stem;  // for files named after the image; unique

  std::string name() const { return path == "-" ? "stdin" : path; }  ///< for messages and results
};

struct Sources {
  std::vector<Source> images;
  std::vector<std::string> problems;  // one line per source without images
};

/// Returns the images of the arguments: files, folders (jpg, jpeg, png and bmp in upper or lower case, in natural
/// order, without subfolders), globs (the same extensions and order), lists (.txt, one path per line, relative to the
/// working directory) and "-" (standard input). A second image with the same stem gets the stem "name-2".
Sources find_sources(const std::vector<std::string>& arguments);

/// Natural order: runs of digits are compared as numbers, so img2 comes before img10.
bool natural_less(std::string_view a, std::string_view b);

}  // namespace cudet::detect
