#include "apps/files/glob.h"

#include <fnmatch.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <utility>

namespace cudet {
namespace {

namespace fs = std::filesystem;

/// The parts of a pattern between slashes. Repeated slashes and repeated ** have no effect and are left out.
std::vector<std::string> split(const std::string& pattern) {
  std::vector<std::string> parts;
  for (std::size_t start = 0; start <= pattern.size();) {
    const std::size_t end = std::min(pattern.find('/', start), pattern.size());
    const std::string part = pattern.substr(start, end - start);
    start = end + 1;
    if (!part.empty() && !(part == "**" && !parts.empty() && parts.back() == part)) parts.push_back(part);
  }
  return parts;
}

class Expansion {
 public:
  Expansion(const std::string& pattern, std::size_t max_folders) : parts_(split(pattern)), max_folders_(max_folders) {
    if (!parts_.empty() && !pattern.ends_with('/')) match(pattern.starts_with('/') ? "/" : "", 0);
    std::sort(found_.paths.begin(), found_.paths.end());
    found_.paths.erase(std::unique(found_.paths.begin(), found_.paths.end()), found_.paths.end());
  }

  GlobMatches found_;

 private:
  using Identity = std::pair<dev_t, ino_t>;

  /// Matches parts_[part] and later parts in a folder; `folder` ends with a slash or is empty for the working
  /// directory.
  void match(const std::string& folder, std::size_t part) {
    const std::string& pattern = parts_[part];
    if (pattern == "**") {
      match_tree(folder, part);
    } else if (is_glob(pattern)) {
      for (const std::string& name : names_in(folder))
        if (::fnmatch(pattern.c_str(), name.c_str(), FNM_PERIOD | FNM_NOESCAPE) == 0) enter(folder + name, part);
    } else {
      enter(folder + pattern, part);
    }
  }

  /// Goes on with the next part in `path`, or adds it if there is none.
  void enter(const std::string& path, std::size_t part) {
    std::error_code ignored;
    if (part + 1 < parts_.size()) {
      if (fs::is_directory(path, ignored)) match(path + "/", part + 1);
    } else if (fs::exists(fs::symlink_status(path, ignored))) {
      found_.paths.push_back(path);
    }
  }

  /// parts_[part] is **: matches the next part in the folder and in all folders below it.
  void match_tree(const std::string& folder, std::size_t part) {
    struct stat status {};
    if (::stat(folder.empty() ? "." : folder.c_str(), &status) != 0) return;
    const Identity identity{status.st_dev, status.st_ino};
    if (std::find(open_.begin(), open_.end(), identity) != open_.end()) return;  // a link to a folder above
    open_.push_back(identity);
    const bool last = part + 1 == parts_.size();
    if (!last) match(folder, part + 1);
    for (const std::string& name : names_in(folder)) {
      if (name.starts_with('.')) continue;
      std::error_code ignored;
      if (last) found_.paths.push_back(folder + name);
      if (fs::is_directory(folder + name, ignored)) match_tree(folder + name + "/", part);
    }
    open_.pop_back();
  }

  std::vector<std::string> names_in(const std::string& folder) {
    std::vector<std::string> names;
    if (++folders_ > max_folders_) {
      if (folders_ == max_folders_ + 1)
        found_.problems.push_back("a pattern matches more than " + std::to_string(max_folders_) + " folders");
      return names;
    }
    std::error_code error;
    for (fs::directory_iterator entry(folder.empty() ? "." : folder, error), end; !error && entry != end;
         entry.increment(error))
      names.push_back(entry->path().filename().string());
    if (error && error != std::errc::no_such_file_or_directory && error != std::errc::not_a_directory) {
      const std::string problem = (folder.empty() ? "." : folder) + ": " + error.message();
      if (std::find(found_.problems.begin(), found_.problems.end(), problem) == found_.problems.end())
        found_.problems.push_back(problem);
    }
    return names;
  }

  const std::vector<std::string> parts_;
  const std::size_t max_folders_;
  std::vector<Identity> open_;  // the folders that match_tree() is in
  std::size_t folders_ = 0;     // whose names were read
};

}  // namespace

bool is_glob(const std::string& pattern) {
  return pattern.find_first_of("*?[") != std::string::npos;
}

GlobMatches expand_glob(const std::string& pattern, std::size_t max_folders) {
  return Expansion(pattern, max_folders).found_;
}

}  // namespace cudet
