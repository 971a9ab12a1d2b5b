// A file of torch.save: a pickle, and beside it the memory of its tensors.
#pragma once
#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "apps/convert/pickle.h"
#include "apps/convert/zip_archive.h"
#include "runtime/model/safetensors.h"

namespace cudet::convert {

/// What torch.save (1.6 and newer: a zip archive) wrote. Owns the memory of all tensors that it hands out. Movable.
/// Errors are Error without a path.
class TorchFile {
 public:
  static TorchFile open(const std::string& path);
  static TorchFile parse(std::vector<std::byte> bytes);
  /// The same from its parts, with no archive round them: for tests that change the pickle.
  static TorchFile assemble(std::vector<std::byte> pickle, std::map<std::string, std::vector<std::byte>> storages);

  PickleValue root() const { return pickle_->root(); }
  static bool is_tensor(PickleValue value);
  /// The tensor (or parameter), row-major; f64 as f32. `name` is for errors. Throws Error where it reaches outside of
  /// its storage, and where all tensors asked for so far are more than 2 GiB or far more than the file holds.
  StoredTensor tensor(PickleValue value, const std::string& name);

 private:
  TorchFile() = default;
  explicit TorchFile(ZipArchive archive);
  std::span<const std::byte> storage(std::string_view key);
  StoredTensor copy(const StoredTensor& memory, const std::vector<std::int64_t>& strides);

  std::optional<ZipArchive> archive_;
  std::string folder_;  // of the archive, ends in "/" or is empty
  std::unique_ptr<Pickle> pickle_;
  std::map<std::string, std::vector<std::byte>> storages_;  // by key, those read so far
  std::deque<std::vector<std::byte>> copies_;
  std::uint64_t stored_ = 0, handed_out_ = 0;  // bytes of all storages, and of all tensors so far
};

}  // namespace cudet::convert
