// Reads untrusted zip archives: the declared size of each entry is checked against the archive before memory is
// allocated.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

struct zip;

namespace cudet::convert {

/// The entries of an archive by name. Movable. Throws Error without a path.
class ZipArchive {
 public:
  /// Throws Error if the file is not a valid archive, two entries have the same name, or an entry is encrypted or
  /// declares more bytes than its data can expand to (stored: the same number; deflate: 1032 times that number).
  static ZipArchive open(const std::string& path);
  static ZipArchive parse(std::vector<std::byte> bytes);

  struct Entry {
    std::uint64_t index, size;  // size: uncompressed, bytes
  };
  const std::map<std::string, Entry>& entries() const { return entries_; }

  /// Returns the first `bytes` of an entry, or all of an entry that has fewer. Verifies the checksum if it reads the
  /// whole entry. Throws Error if the entry is damaged or does not exist.
  std::vector<std::byte> read(const std::string& name, std::uint64_t bytes = ~std::uint64_t{0}) const;

 private:
  struct Discard {
    void operator()(zip* archive) const;
  };
  using Handle = std::unique_ptr<zip, Discard>;
  ZipArchive(Handle archive, std::vector<std::byte> bytes, std::uint64_t size);

  std::vector<std::byte> bytes_;  // the archive in memory, if it is not read from a file
  Handle archive_;
  std::map<std::string, Entry> entries_;
};

}  // namespace cudet::convert
