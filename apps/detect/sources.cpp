#include "apps/detect/sources.h"

#include <algorithm>
#include <climits>
#include <filesystem>
#include <fstream>
#include <unordered_map>
#include <unordered_set>

#include "apps/detect/format.h"
#include "apps/files/glob.h"
#include "apps/files/image_files.h"
#include "kernels/error.h"

namespace cudet::detect {
namespace {

namespace fs = std::filesystem;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

class Finder {
 public:
  void add(const std::string& argument) {
    if (argument == "-") {
      add_image(argument);
    } else if (!add_path(argument, true)) {
      report_missing(argument);
    }
  }

  Sources result;

 private:
  void add_image(const std::string& path) {
    const std::string stem = path == "-" ? "stdin" : fs::path(path).stem().string();
    std::string unique = stem;
    // Compared as JSON strings: two names that differ only in bytes that are not UTF-8 are the same there.
    while (!stems_.insert(json_string(unique)).second)
      unique = stem + "-" + std::to_string(++last_numbers_.try_emplace(stem, 1).first->second);
    result.images.push_back({path, unique});
  }

  /// Adds a file, folder, glob or list. Returns false if nothing has this path. `lists`: whether it may be a list.
  bool add_path(const std::string& path, bool lists) {
    if (path.find('\0') != std::string::npos) return false;
    std::error_code ignored;
    const fs::file_status status = fs::status(path, ignored);
    if (fs::is_directory(status)) {
      add_folder(path);
    } else if (fs::exists(status)) {
      if (lower_extension(path) != ".txt") {
        add_image(path);
      } else if (lists) {
        add_list(path);
      } else {
        result.problems.push_back(path + ": a list cannot name another list");
      }
    } else {
      return is_glob(path) && add_glob(path);
    }
    return true;
  }

  /// Adds the images among the files of an argument in natural order, and counts the others.
  void add_files(std::vector<std::string> paths, const std::string& argument, const std::string& problem) {
    const auto others = std::partition(paths.begin(), paths.end(), has_image_extension);
    for (auto other = others; other != paths.end(); ++other) ++result.others[lower_extension(*other)];
    paths.erase(others, paths.end());
    if (paths.empty()) result.problems.push_back(argument + ": " + problem);
    std::sort(paths.begin(), paths.end(), natural_less);
    for (const std::string& path : paths) add_image(path);
  }

  void add_folder(const std::string& folder) {
    std::error_code error;
    std::vector<std::string> paths = list_files(folder, error);
    if (error) {
      result.problems.push_back(folder + ": " + error.message());
      return;
    }
    add_files(std::move(paths), folder, "the folder contains no images (" + std::string(kImageExtensions) + ")");
  }

  /// Returns false if nothing matches.
  bool add_glob(const std::string& pattern) {
    GlobMatches found = expand_glob(pattern);
    std::erase_if(found.paths, [](const std::string& path) {
      std::error_code ignored;
      return fs::is_directory(path, ignored);
    });
    for (const std::string& problem : found.problems) result.problems.push_back(problem);
    if (found.paths.empty()) return !found.problems.empty();
    add_files(std::move(found.paths), pattern, "no image matches");
    return true;
  }

  void add_list(const std::string& list) {
    constexpr std::uintmax_t kLargest = 256 << 20;  // bytes: millions of paths
    std::error_code error;
    const bool is_file = fs::is_regular_file(list, error), is_small = is_file && fs::file_size(list, error) <= kLargest;
    std::ifstream file;
    if (is_small) file.open(list);
    if (!file.is_open()) {
      result.problems.push_back(list + (!is_file    ? ": not a regular file"
                                        : !is_small ? ": the list is larger than 256 MiB"
                                                    : ": cannot read the file"));
      return;
    }
    std::size_t lines = 0;
    for (std::string line; std::getline(file, line);) {
      if (lines == 0 && line.starts_with("\xef\xbb\xbf")) line.erase(0, 3);  // a byte order mark
      line.erase(0, std::min(line.find_first_not_of(" \t"), line.size()));
      line.erase(line.find_last_not_of(" \t\r") + 1);
      if (line.empty()) continue;
      ++lines;
      if (line.size() >= PATH_MAX) {
        result.problems.push_back(list + ": a line has more than " + std::to_string(PATH_MAX - 1) + " bytes");
        continue;
      }
      if (add_path(line, false)) continue;
      const fs::path folder = fs::path(list).parent_path();
      if (folder.empty() || line.starts_with('/') || !add_path((folder / line).string(), false)) report_missing(line);
    }
    if (file.bad()) result.problems.push_back(list + ": cannot read the file");
    if (lines == 0) result.problems.push_back(list + ": the list is empty");
  }

  void report_missing(const std::string& path) {
    std::error_code error;
    if (is_glob(path)) {
      result.problems.push_back(path + ": no image matches");
    } else if (path.find('\0') == std::string::npos && !fs::exists(path, error) && error) {
      result.problems.push_back(path + ": " + error.message());
    } else {
      result.problems.push_back(path + ": no such file");
    }
  }

  std::unordered_set<std::string> stems_;
  std::unordered_map<std::string, int> last_numbers_;  // by stem: the number of its last duplicate
};

}  // namespace

Sources find_sources(const std::vector<std::string>& arguments) {
  Finder finder;
  for (const std::string& argument : arguments) finder.add(argument);
  return std::move(finder.result);
}

std::string describe_others(const std::map<std::string, std::size_t>& others) {
  std::vector<std::pair<std::string, std::size_t>> order(others.begin(), others.end());
  std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  std::size_t total = 0;
  std::string list;
  for (const auto& [extension, count] : order) {
    total += count;
    list += (list.empty() ? "" : ", ") + (extension.empty() ? "without extension" : extension) + " " +
            std::to_string(count);
  }
  if (total == 0) return "";
  return std::to_string(total) + (total == 1 ? " file was not read: " : " files were not read: ") + list;
}

bool natural_less(std::string_view a, std::string_view b) {
  const std::string_view all_a = a, all_b = b;
  const auto take_number = [](std::string_view& text) {
    text.remove_prefix(std::min(text.find_first_not_of('0'), text.size()));
    const auto end = std::find_if_not(text.begin(), text.end(), is_digit);
    const std::string_view digits = text.substr(0, end - text.begin());
    text.remove_prefix(digits.size());
    return digits;
  };
  while (!a.empty() && !b.empty()) {
    if (is_digit(a[0]) && is_digit(b[0])) {
      const std::string_view m = take_number(a), n = take_number(b);
      if (m.size() != n.size()) return m.size() < n.size();
      if (m != n) return m < n;
    } else if (a[0] != b[0]) {
      return static_cast<unsigned char>(a[0]) < static_cast<unsigned char>(b[0]);
    } else {
      a.remove_prefix(1), b.remove_prefix(1);
    }
  }
  if (a.empty() != b.empty()) return a.empty();
  return all_a < all_b;  // differ only in leading zeros: 01 and 1
}

}  // namespace cudet::detect
