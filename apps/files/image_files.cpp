#include "apps/files/image_files.h"

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
  return extension == ".jpg" || extension == ".jpeg" || extension == ".png" || extension == ".bmp";
}

std::vector<std::string> list_images(const std::string& folder, std::error_code& error) {
  std::vector<std::string> paths;
  std::error_code ignored;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
    if (has_image_extension(entry->path()) && !entry->is_directory(ignored)) paths.push_back(entry->path().string());
  if (error) paths.clear();
  return paths;
}

}  // namespace cudet
