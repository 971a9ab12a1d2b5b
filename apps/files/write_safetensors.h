// Writes tensors to a safetensors file; runtime/model/safetensors.h reads it.
#pragma once
#include <map>
#include <string>

#include "apps/files/atomic_file.h"
#include "runtime/model/safetensors.h"

namespace cudet {

/// Writes a safetensors file atomically. The data of each tensor are aligned to its element size. Throws Error with the
/// path.
void write_safetensors(const std::string& path, const std::map<std::string, StoredTensor>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

/// The same, but the caller commits `file`. `path` is used in error messages only.
void write_safetensors(AtomicFile& file, const std::string& path, const std::map<std::string, StoredTensor>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace cudet
