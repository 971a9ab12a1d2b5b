// A zip archive, read with distrust: an entry's claims are checked against the archive before anything is allocated.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

struct zip;

namespace cudet::convert {

/// The entries of an archive by name. Movable. Errors are Error without a path.
class ZipArchive {
 public:
  /// Throws Error where the file is no sound archive, or two entries have one name, or an entry is encrypted, or is
  /// larger than its bytes in the archive can make it (stored: those; deflated: 1032 times those).
  static ZipArchive open(const std::string& path);
  static ZipArchive parse(std::vector<std::byte> bytes);

  struct Entry {
    std::uint64_t index, size;  // size: bytes when unpacked
  };
  const std::map<std::string, Entry>& entries() const { return entries_; }

  /// An entry's bytes, its checksum verified. Throws Error where it is damaged or is not there.
  std::vector<std::byte> read(const std::string& name) const;

 private:
  struct Discard {
    void operator()(zip* archive) const;
  };
  using Handle = std::unique_ptr<zip, Discard>;
  ZipArchive(Handle archive, std::vector<std::byte> bytes, std::uint64_t size);

  std::vector<std::byte> bytes_;  // what the handle reads, where it does not read a file
  Handle archive_;
  std::map<std::string, Entry> entries_;
};

}  // namespace cudet::convert
