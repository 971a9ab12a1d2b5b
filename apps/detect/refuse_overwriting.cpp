#include "apps/detect/refuse_overwriting.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <unordered_set>
#include <utility>

#include "apps/files/same_file.h"
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

/// The input files and the output files of a run. Existing files are compared by device and inode, so that links to the
/// same file are recognised; other files are compared by the path that their links lead to.
class RunFiles {
 public:
  void add_input(const std::string& path) {
    const bool is_stdin = path == "-";
    const auto status = status_of(is_stdin ? "/dev/stdin" : path);
    if (status && S_ISREG(status->st_mode))
      inputs_.emplace(Identity{status->st_dev, status->st_ino}, is_stdin ? "standard input" : path);
  }

  /// Adds the output file `name` in `folder`, whose links are resolved. Throws Error, which names `option`, if the file
  /// is an input or another output.
  void add_output(const fs::path& folder, const fs::path& name, const std::string& option) {
    const std::string path = (folder / name).string();
    const auto status = status_of(path);
    if (status && S_ISCHR(status->st_mode)) return;  // several outputs can share a device such as /dev/null
    bool is_new = false;
    if (status) {
      const Identity identity{status->st_dev, status->st_ino};
      if (const auto found = inputs_.find(identity); found != inputs_.end())
        throw Error(option + " would overwrite " + found->second + ": choose another path");
      is_new = existing_outputs_.insert(identity).second;
    } else {
      std::error_code ignored;  // the output itself reports a path that cannot be accessed
      is_new = new_outputs_.insert(fs::is_symlink(path, ignored) ? resolve_output(path) : path).second;
    }
    if (!is_new) throw Error(option + ": another output is written to " + path + ": choose another path");
  }

 private:
  std::map<Identity, std::string> inputs_;
  std::set<Identity> existing_outputs_;
  std::unordered_set<std::string> new_outputs_;
};

fs::path resolve_links(const fs::path& folder) {
  std::error_code error;  // the output itself reports a folder that cannot be accessed
  const fs::path path = fs::weakly_canonical(folder.empty() ? "." : folder, error);
  return error ? folder : path;
}

/// Whether a folder is below another one. Links are resolved.
bool is_below(const fs::path& folder, const fs::path& other) {
  const fs::path path = resolve_links(folder), base = resolve_links(other);
  const auto end = std::mismatch(base.begin(), base.end(), path.begin(), path.end());
  return end.first == base.end() && end.second != path.end();
}

}  // namespace

void refuse_overwriting(const Options& options, const Sources& sources, const std::string& weights) {
  if (const auto raw = status_of(options.raw); raw && !S_ISREG(raw->st_mode))
    throw Error("--dump-raw " + options.raw + ": not a regular file");
  RunFiles files;
  files.add_input(options.model);
  files.add_input(weights);
  for (const std::string& source : options.sources) files.add_input(source);
  for (const Source& image : sources.images) files.add_input(image.path);

  const std::pair<const char*, const std::string*> outputs[] = {
      {"--json", &options.json}, {"--coco", &options.coco}, {"--csv", &options.csv}, {"--dump-raw", &options.raw}};
  for (const auto& [option, path] : outputs) {
    if (path->empty() || *path == "-") continue;
    const fs::path file = *path;
    files.add_output(resolve_links(file.parent_path()), file.filename(), std::string(option) + " " + *path);
  }
  const auto add_outputs = [&](const char* option, const std::string& folder, const char* extension) {
    const fs::path resolved = resolve_links(folder);
    for (const Source& image : sources.images)
      files.add_output(resolved, image.stem + extension, std::string(option) + " " + folder);
  };
  if (options.draw) add_outputs("--out", options.out, ".jpg");  // the format is known only after decoding: check both
  if (options.draw) add_outputs("--out", options.out, ".png");
  if (!options.txt.empty()) add_outputs("--txt", options.txt, ".txt");
  // Crops do not replace files, but the images with boxes could replace crops.
  if (!options.crops.empty() && options.draw && is_below(options.out, options.crops))
    throw Error("--out " + options.out + " is in the folder of --save-crop " + options.crops +
                ": choose another folder");
}

}  // namespace cudet::detect
