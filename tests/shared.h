// Where the files lie that the project may not contain: real weights, pictures and golden values of the reference.
#pragma once
#include <cstdlib>
#include <filesystem>
#include <string>

namespace cudet::test {

/// A file of the shared folder: CUDET_SHARED, or ../shared.
inline std::string shared_file(const std::string& name) {
  const char* folder = std::getenv("CUDET_SHARED");
  return std::string(folder && *folder ? folder : "../shared") + "/" + name;
}

/// What a test that is skipped for want of the file says; empty where it is there.
inline std::string why_not_shared(const std::string& name) {
  return std::filesystem::exists(shared_file(name)) ? ""
                                                    : "NOT RUN: " + shared_file(name) + " is not there (CUDET_SHARED)";
}

}  // namespace cudet::test
