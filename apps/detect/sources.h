// Expands the sources of the command line to a list of images.
#pragma once
#include <cstddef>
#include <map>
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
  std::vector<std::string> problems;          // one line per source without images
  std::map<std::string, std::size_t> others;  // files of folders and globs that are not images, counted by extension
};

/// Returns the images of the arguments: files, folders (kImageExtensions, in natural order, without subfolders and
/// hidden files), globs (the same extensions and order), lists (.txt, one file, folder or glob per line, found from the
/// working directory, else from the list's folder) and "-" (standard input). A second image with the same stem gets the
/// stem "name-2".
Sources find_sources(const std::vector<std::string>& arguments);

/// Returns "3 files were not read: .gif 2, .pdf 1", or an empty text if there are none.
std::string describe_others(const std::map<std::string, std::size_t>& others);

/// Natural order: runs of digits are compared as numbers, so img2 comes before img10.
bool natural_less(std::string_view a, std::string_view b);

}  // namespace cudet::detect
