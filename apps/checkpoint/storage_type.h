// The classes of torch's storages.
#pragma once
#include <optional>
#include <string_view>

#include "runtime/model/safetensors.h"

namespace cudet::convert {

struct StorageType {
  std::string_view name;       // of the class: "HalfStorage"
  std::size_t bytes;           // per element
  std::optional<Dtype> dtype;  // nothing if tensors of this type cannot be read
};

/// Returns the type of that name, or null.
const StorageType* find_storage_type(std::string_view name);

}  // namespace cudet::convert
