#include "apps/files/image_files.h"

#include <algorithm>
#include <iterator>

namespace cudet {

namespace fs = std::filesystem;

std::string lower_extension(const fs::path& path) {
  std::string extension = path.extension().string();
  for (char& c : extension)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return extension;
}

bool has_image_extension(const fs::path& path) {
  const std::string extension = lower_extension(path);
  constexpr const char* kKnown[] = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".mpo"};
  return std::find(std::begin(kKnown), std::end(kKnown), extension) != std::end(kKnown);
}

std::vector<std::string> list_files(const std::string& folder, std::error_code& error) {
  std::vector<std::string> paths;
  std::error_code ignored;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
    if (!entry->path().filename().string().starts_with('.') && !entry->is_directory(ignored))
      paths.push_back(entry->path().string());
  if (error) paths.clear();
  return paths;
}

std::vector<std::string> list_images(const std::string& folder, std::error_code& error) {
  std::vector<std::string> paths = list_files(folder, error);
  std::erase_if(paths, [](const std::string& path) { return !has_image_extension(path); });
  return paths;
}

}  // namespace cudet
