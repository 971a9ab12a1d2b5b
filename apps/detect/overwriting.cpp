#include "apps/detect/overwriting.h"

#include <sys/stat.h>

#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <unordered_set>
#include <utility>

#include "kernels/error.h"

namespace cudet::detect {
namespace {

namespace fs = std::filesystem;
using Identity = std::pair<dev_t, ino_t>;

std::optional<struct stat> status_of(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return status;
}

/// What is read, and what has been claimed for writing: files that are there by identity, so that links are seen
/// through, others by path.
class Places {
 public:
  void read(const std::string& path) {
    const bool is_stdin = path == "-";
    const auto status = status_of(is_stdin ? "/dev/stdin" : path);
    if (status && S_ISREG(status->st_mode))
      inputs_.emplace(Identity{status->st_dev, status->st_ino}, is_stdin ? "standard input" : path);
  }

  /// `name` in `folder`, the latter without links.
  void write(const fs::path& folder, const fs::path& name, const std::string& option) {
    const std::string path = (folder / name).string();
    const auto status = status_of(path);
    if (status && !S_ISREG(status->st_mode)) return;  // a device has room for all
    bool is_new = false;
    if (status) {
      const Identity identity{status->st_dev, status->st_ino};
      if (const auto found = inputs_.find(identity); found != inputs_.end())
        throw Error(option + " would write over " + found->second + ": choose another place");
      is_new = files_.insert(identity).second;
    } else {
      is_new = paths_.insert(path).second;
    }
    if (!is_new) throw Error(option + ": another output goes to " + path + " too");
  }

 private:
  std::map<Identity, std::string> inputs_;
  std::set<Identity> files_;
  std::unordered_set<std::string> paths_;
};

fs::path without_links(const fs::path& folder) {
  std::error_code ignored;  // of a folder that cannot be reached, which the output itself will find
  const fs::path path = fs::weakly_canonical(folder.empty() ? "." : folder, ignored);
  return ignored ? folder : path;
}

}  // namespace

void refuse_overwriting(const Options& options, const Sources& sources, const std::string& weights) {
  if (const auto raw = status_of(options.raw); raw && !S_ISREG(raw->st_mode))
    throw Error("--dump-raw " + options.raw + ": not an ordinary file");
  Places places;
  places.read(options.model);
  places.read(weights);
  for (const std::string& source : options.sources) places.read(source);
  for (const Source& picture : sources.pictures) places.read(picture.path);

  const std::pair<const char*, const std::string*> files[] = {
      {"--json", &options.json}, {"--coco", &options.coco}, {"--csv", &options.csv}, {"--dump-raw", &options.raw}};
  for (const auto& [option, path] : files) {
    if (path->empty() || *path == "-") continue;
    const fs::path file = *path;
    places.write(without_links(file.parent_path()), file.filename(), std::string(option) + " " + *path);
  }
  const auto write_all = [&](const char* option, const std::string& folder, const char* extension) {
    const fs::path place = without_links(folder);
    for (const Source& picture : sources.pictures)
      places.write(place, picture.stem + extension, std::string(option) + " " + folder);
  };
  if (options.draw) write_all("--out", options.out, ".jpg");  // the one or the other, as the picture turns out to be
  if (options.draw) write_all("--out", options.out, ".png");
  if (!options.txt.empty()) write_all("--txt", options.txt, ".txt");
}

}  // namespace cudet::detect
