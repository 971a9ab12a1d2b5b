// Locates files that the project may not contain: real weights, images and golden values of the reference.
#pragma once
#include <cstdlib>
#include <filesystem>
#include <string>

namespace cudet::test {

/// Path of a file in the shared folder, which is $CUDET_SHARED or ../shared.
inline std::string shared_file(const std::string& name) {
  const char* folder = std::getenv("CUDET_SHARED");
  return std::string(folder && *folder ? folder : "../shared") + "/" + name;
}

/// The reason to skip a test that needs the file; empty if the file exists.
inline std::string why_not_shared(const std::string& name) {
  return std::filesystem::exists(shared_file(name)) ? ""
                                                    : "NOT RUN: " + shared_file(name) + " is not there (CUDET_SHARED)";
}

}  // namespace cudet::test
