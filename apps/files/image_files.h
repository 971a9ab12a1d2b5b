// Finds image files by their extensions.
#pragma once
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

namespace cudet {

/// Returns the extension of a path, including the dot, with A to Z converted to lower case.
std::string lower_extension(const std::filesystem::path& path);

/// True for the extensions jpg, jpeg, png and bmp, in upper or lower case.
bool has_image_extension(const std::filesystem::path& path);

/// Lists the image files of a folder, without subfolders, in unspecified order. Empty if `error` is set.
std::vector<std::string> list_images(const std::string& folder, std::error_code& error);

}  // namespace cudet
