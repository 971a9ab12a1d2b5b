#include "apps/files/write_safetensors.h"

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/error.h"
#include "runtime/model/json.h"

namespace cudet {

void write_safetensors(const std::string& path, const std::map<std::string, StoredTensor>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  AtomicFile file(path);
  write_safetensors(file, path, tensors, metadata);
  file.commit();
}

void write_safetensors(AtomicFile& file, const std::string& path, const std::map<std::string, StoredTensor>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  // The format allows no gaps. Tensors sorted by decreasing element size are each aligned to their element size.
  std::vector<std::map<std::string, StoredTensor>::const_pointer> order;
  order.reserve(tensors.size());
  for (const auto& entry : tensors) order.push_back(&entry);
  std::stable_sort(order.begin(), order.end(),
                   [](auto a, auto b) { return size_of(a->second.dtype) > size_of(b->second.dtype); });

  Json::Object header;
  if (!metadata.empty()) header.emplace_back("__metadata__", Json::Object(metadata.begin(), metadata.end()));
  std::size_t offset = 0;
  for (const auto* entry : order) {
    const auto& [name, tensor] = *entry;
    if (tensor_bytes(tensor.shape, tensor.dtype) != tensor.data.size())
      throw Error(
          std::string(path).append(": tensor ").append(name).append(": its shape does not match its size in bytes"));
    header.emplace_back(name, Json::Object{{"dtype", dtype_name(tensor.dtype)},
                                           {"shape", tensor.shape},
                                           {"data_offsets", Json::Array{offset, offset + tensor.data.size()}}});
    offset += tensor.data.size();
  }
  std::string text;
  try {
    text = Json(std::move(header)).dump(Json::Layout::compact, Json::InvalidUtf8::refuse);
  } catch (const Error&) {
    throw Error(path + ": cannot write a tensor name or metadata that is not UTF-8");
  }
  text.resize((text.size() + 7) / 8 * 8, ' ');

  const std::uint64_t length = text.size();
  file.write(std::as_bytes(std::span(&length, 1)));
  file.write(text);
  for (const auto* entry : order) file.write(entry->second.data);
}

}  // namespace cudet
