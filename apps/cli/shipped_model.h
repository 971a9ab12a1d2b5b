// Locates the bundled model.
#pragma once
#include <string>

namespace cudet {

/// Returns the path of the bundled model's description: ../share/cudet relative to an installed program, or weights/
/// next to build/ in a source tree. Empty if there is none.
std::string shipped_model();

}  // namespace cudet
