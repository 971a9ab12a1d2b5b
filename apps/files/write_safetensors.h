// Tensors to a file; runtime/safetensors.h reads it.
#pragma once
#include <map>
#include <string>

#include "runtime/safetensors.h"

namespace cudet {

/// Writes a safetensors file, whole or not at all; data are aligned to their elements. Throws Error with the path.
void write_safetensors(const std::string& path, const std::map<std::string, StoredTensor>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace cudet
