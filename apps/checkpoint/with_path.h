// Adds the name of a file to errors.
#pragma once
#include <string>

#include "kernels/error.h"

namespace cudet::convert {

/// Returns body(). Throws its Error with "path: " in front.
template <class Body>
auto with_path(const std::string& path, const Body& body) {
  try {
    return body();
  } catch (const Error& error) {
    throw Error(path + ": " + error.what());
  }
}

}  // namespace cudet::convert
