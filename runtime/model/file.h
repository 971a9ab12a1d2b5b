// Reads files, whole or in pieces.
#pragma once
#include <cstddef>
#include <ctime>
#include <span>
#include <string>
#include <vector>

namespace cudet {

constexpr std::size_t kMaxFileBytes = std::size_t{4} << 30;

/// A regular file, open for reading. It may be renamed or removed while it is open.
class File {
 public:
  /// Throws Error with the path if there is no file, if it is a folder, a pipe or a device (without waiting for it), or
  /// if it has more than `max_bytes`.
  explicit File(const std::string& path, std::size_t max_bytes = kMaxFileBytes);
  ~File();
  File(const File&) = delete;  // owns a descriptor
  File& operator=(const File&) = delete;

  const std::string& path() const { return path_; }
  std::size_t bytes() const { return bytes_; }
  /// Fills `out` with the bytes from `offset` on. Thread-safe. Throws Error with the path if reading fails, or if the
  /// file's size or modification time has changed since it was opened.
  void read(std::size_t offset, std::span<std::byte> out) const;

 private:
  std::string path_;
  int descriptor_;
  std::size_t bytes_ = 0;
  std::timespec written_{};
};

/// Reads a whole file. Throws Error as File does.
std::vector<std::byte> read_file(const std::string& path, std::size_t max_bytes = kMaxFileBytes);

}  // namespace cudet
