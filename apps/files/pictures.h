// Which files are pictures, by their names.
#pragma once
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

namespace cudet {

/// A path's extension, its dot included, A to Z in small letters.
std::string lower_extension(const std::filesystem::path& path);

/// jpg, jpeg, png or bmp, in any case.
bool has_picture_extension(const std::filesystem::path& path);

/// The files of a folder, not of folders within, that end so, in no order. Empty where `error` is set.
std::vector<std::string> list_pictures(const std::string& folder, std::error_code& error);

}  // namespace cudet
