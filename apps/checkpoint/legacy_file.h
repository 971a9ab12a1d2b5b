// Reads the format that torch.save had before version 1.6.
#pragma once
#include <cstdint>
#include <istream>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "apps/checkpoint/pickle.h"

namespace cudet::convert {

/// A file of five pickles (a magic number, the format's version, the machine, the object, and the keys of the
/// storages), then per storage its number of elements in 8 bytes and its elements. Throws Error without a path.
class LegacyFile {
 public:
  /// Whether a file starts with the magic number.
  static bool matches(std::string_view start);

  explicit LegacyFile(std::unique_ptr<std::istream> stream);

  /// Returns the pickle of the object. To be called once.
  std::unique_ptr<Pickle> take_pickle() { return std::move(pickle_); }
  /// Bytes of all storages.
  std::uint64_t stored() const { return stored_; }
  /// The size of a storage. Throws Error if it does not exist.
  std::uint64_t bytes(const std::string& key) const { return find(key).bytes; }
  /// Returns the first `count` bytes of a storage, or all if it has fewer. Throws Error if it cannot be read.
  std::vector<std::byte> read(const std::string& key, std::uint64_t count) const;

 private:
  struct Storage {
    std::uint64_t offset, bytes;
  };
  std::unique_ptr<Pickle> next_pickle();
  void find_storages(const Pickle& keys);
  const Storage& find(const std::string& key) const;

  std::unique_ptr<std::istream> stream_;
  std::uint64_t size_ = 0, at_ = 0, stored_ = 0;
  std::unique_ptr<Pickle> pickle_;
  std::map<std::string, Storage> storages_;
};

}  // namespace cudet::convert
