// Tensors to a file; runtime/model/safetensors.h reads it.
#pragma once
#include <map>
#include <string>

#include "apps/files/atomic_file.h"
#include "runtime/model/safetensors.h"

namespace cudet {

/// Writes a safetensors file, whole or not at all; data are aligned to their elements. Throws Error with the path.
void write_safetensors(const std::string& path, const std::map<std::string, StoredTensor>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

/// The same into a file that is left to the caller to commit; `path` is for errors.
void write_safetensors(AtomicFile& file, const std::string& path, const std::map<std::string, StoredTensor>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace cudet
