// A model whose weights are finite, and whose values are not.
#pragma once
#include <cstring>
#include <string>

#include "apps/files/write_safetensors.h"
#include "runtime/model/model.h"
#include "tests/temporary.h"

namespace cudet::test {

/// Returns tests/data/tiny/plain.json with the convolutions' weights times 1e15. Files are written to `folder`.
inline Model huge_weights_model(const TemporaryFolder& folder) {
  const std::string description = "tests/data/tiny/plain.json";
  auto weights = Safetensors::read(Model::load(description).weights_path());
  std::map<std::string, StoredTensor> tensors = weights.tensors();
  for (auto& [name, tensor] : tensors) {
    if (!name.ends_with("conv.weight") || name.find("dfl") != name.npos) continue;
    std::vector<float> values = tensor.to_f32();
    for (float& v : values) v *= 1e15f;
    std::memcpy(const_cast<std::byte*>(tensor.data.data()), values.data(), values.size() * sizeof(float));
  }
  write_safetensors(folder.file("huge.safetensors"), tensors);
  return Model::load(description, folder.file("huge.safetensors"));
}

}  // namespace cudet::test
