#include "apps/detect/overwriting.h"

#include <sys/stat.h>

#include <filesystem>
#include <map>
#include <set>
#include <utility>

#include "kernels/error.h"

namespace cudet {
namespace {

namespace fs = std::filesystem;
using Identity = std::pair<dev_t, ino_t>;

std::optional<Identity> identity(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  return Identity{status.st_dev, status.st_ino};
}

}  // namespace

void refuse_overwriting(const Options& options, const Sources& sources) {
  std::map<Identity, std::string> inputs;
  const auto read = [&](const std::string& path) {
    if (const auto id = identity(path)) inputs.emplace(*id, path);
  };
  const auto write = [&](const std::string& path, const std::string& option) {
    const auto id = identity(path);
    if (!id) return;
    const auto found = inputs.find(*id);
    if (found != inputs.end()) throw Error(option + " would write over " + found->second + ": choose another place");
  };
  read(options.model);
  if (!options.weights.empty()) read(options.weights);
  for (const std::string& source : options.sources) read(source);
  for (const Source& picture : sources.pictures) read(picture.path);

  std::set<fs::path> written;
  const std::pair<const char*, const std::string*> files[] = {
      {"--json", &options.json}, {"--coco", &options.coco}, {"--csv", &options.csv}, {"--dump-raw", &options.raw}};
  for (const auto& [option, path] : files) {
    if (path->empty() || *path == "-") continue;
    write(*path, option);
    std::error_code ignored;
    const bool device = fs::exists(*path, ignored) && !fs::is_regular_file(*path, ignored);
    if (!device && !written.insert(fs::weakly_canonical(*path, ignored)).second)
      throw Error(std::string(option) + " " + *path + ": another output goes there too");
  }
  for (const Source& picture : sources.pictures) {
    if (options.draw)
      for (const char* extension : {".jpg", ".png"})
        write((fs::path(options.out) / (picture.stem + extension)).string(), "--out " + options.out);
    if (!options.txt.empty()) write((fs::path(options.txt) / (picture.stem + ".txt")).string(), "--txt " + options.txt);
  }
}

}  // namespace cudet
