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

/// Memory for the tensors of a checkpoint, in bytes. Those of YOLOv8x in fp32 have 273 million.
constexpr std::uint64_t kDefaultMemory = 1ull << 30;

/// A file of torch.save: a zip archive or, before version 1.6, a LegacyFile. Owns the memory of all tensors that it
/// returns. Movable. Throws Error without a path.
class TorchFile {
 public:
  /// max_bytes: of memory for tensors; a small file can claim large ones.
  static TorchFile open(const std::string& path, std::uint64_t max_bytes = kDefaultMemory);
  static TorchFile parse(std::vector<std::byte> bytes);
  /// Builds a TorchFile from its parts, without an archive. For tests that change the pickle.
  static TorchFile assemble(std::vector<std::byte> pickle, std::map<std::string, std::vector<std::byte>> storages);

  PickleValue root() const { return pickle_->root(); }
  static bool is_tensor(PickleValue value);
  /// Returns a tensor (or parameter) in row-major order; f64 is converted to f32. `name` is used in errors. Throws
  /// Error if the tensor is not within its storage, if the storage has another size than the pickle
  /// says, or if all tensors returned so far exceed the memory limit or a multiple of the file's size.
  StoredTensor tensor(PickleValue value, const std::string& name);
  /// Returns a tensor of new f32 values, whose memory the file owns.
  StoredTensor own(const std::vector<std::int64_t>& shape, const std::vector<float>& values);

 private:
  TorchFile() = default;
  explicit TorchFile(ZipArchive archive);
  explicit TorchFile(std::unique_ptr<LegacyFile> file);
  std::uint64_t storage_bytes(const std::string& key) const;
  std::span<const std::byte> storage(const std::string& key, std::uint64_t bytes);
  void count_memory(std::uint64_t bytes);
  StoredTensor copy(const StoredTensor& memory, const std::vector<std::int64_t>& strides);

  std::optional<ZipArchive> archive_;
  std::unique_ptr<LegacyFile> legacy_;
  std::string folder_;  // folder in the archive; ends in "/" or is empty
  std::unique_ptr<Pickle> pickle_;
  std::map<std::string, std::span<const std::byte>> storages_;  // by key: what is read so far
  std::deque<std::vector<std::byte>> memory_;                   // of storages and tensors
  std::uint64_t stored_ = 0, returned_ = 0;              // bytes of all storages, and of all tensors returned so far
  std::uint64_t used_ = 0, max_bytes_ = kDefaultMemory;  // bytes of memory_
};

}  // namespace cudet::convert
