// Reads a file of torch.save: a pickle, and the storages of its tensors.
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

#include "apps/checkpoint/legacy_file.h"
#include "apps/checkpoint/pickle.h"
#include "apps/checkpoint/zip_archive.h"
#include "runtime/model/safetensors.h"

namespace cudet::convert {

/// A file of torch.save: a zip archive or, before version 1.6, a LegacyFile. Owns the memory of all tensors that it
/// returns. Movable. Throws Error without a path.
class TorchFile {
 public:
  static TorchFile open(const std::string& path);
  static TorchFile parse(std::vector<std::byte> bytes);
  /// Builds a TorchFile from its parts, without an archive. For tests that change the pickle.
  static TorchFile assemble(std::vector<std::byte> pickle, std::map<std::string, std::vector<std::byte>> storages);

  PickleValue root() const { return pickle_->root(); }
  static bool is_tensor(PickleValue value);
  /// Returns a tensor (or parameter) in row-major order; f64 is converted to f32. `name` is used in errors. Throws
  /// Error if the tensor is not within its storage, or if all tensors returned so far exceed 2 GiB or a multiple of the
  /// file's size.
  StoredTensor tensor(PickleValue value, const std::string& name);
  /// Returns a tensor of new f32 values, whose memory the file owns.
  StoredTensor own(const std::vector<std::int64_t>& shape, const std::vector<float>& values);

 private:
  TorchFile() = default;
  explicit TorchFile(ZipArchive archive);
  explicit TorchFile(std::unique_ptr<LegacyFile> file);
  std::span<const std::byte> storage(std::string_view key);
  StoredTensor copy(const StoredTensor& memory, const std::vector<std::int64_t>& strides);

  std::optional<ZipArchive> archive_;
  std::unique_ptr<LegacyFile> legacy_;
  std::string folder_;  // folder in the archive; ends in "/" or is empty
  std::unique_ptr<Pickle> pickle_;
  std::map<std::string, std::vector<std::byte>> storages_;  // by key; those read so far
  std::deque<std::vector<std::byte>> copies_;
  std::uint64_t stored_ = 0, returned_ = 0;  // bytes of all storages, and of all tensors returned so far
};

}  // namespace cudet::convert
