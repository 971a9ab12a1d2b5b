// Finds image files by their extensions.
#pragma once
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

namespace cudet {

/// Returns the extension of a path, including the dot, with A to Z converted to lower case.
std::string lower_extension(const std::filesystem::path& path);

/// The extensions of image files, for messages.
inline constexpr const char* kImageExtensions = "jpg, jpeg, png, bmp, webp, tif, tiff, mpo";

/// True for kImageExtensions, in upper or lower case.
bool has_image_extension(const std::filesystem::path& path);

/// Lists the files of a folder, without subfolders and names that start with a dot, in unspecified order. Empty if
/// `error` is set.
std::vector<std::string> list_files(const std::string& folder, std::error_code& error);

/// The same, image files only.
std::vector<std::string> list_images(const std::string& folder, std::error_code& error);

}  // namespace cudet
