// The bundled model.
#pragma once
#include <string>

namespace cudet {

/// Path of the description that came with this program: installed (../share/cudet of its folder), or in the clone that
/// it was built in (weights/ above build/). Empty where there is none.
std::string shipped_model();

}  // namespace cudet
