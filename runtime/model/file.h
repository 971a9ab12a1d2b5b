// Files on disk: read as a whole, or piece by piece.
#pragma once
#include <cstddef>
#include <ctime>
#include <span>
#include <string>
#include <vector>

namespace cudet {

constexpr std::size_t kMostBytesOfFile = std::size_t{4} << 30;

/// An ordinary file, open for reading, which may be renamed or removed meanwhile.
class File {
 public:
  /// Throws Error with the path where there is none, where it is something else (a folder, a pipe, a device, none of
  /// which is waited for), or of more than `most_bytes`.
  explicit File(const std::string& path, std::size_t most_bytes = kMostBytesOfFile);
  ~File();
  File(const File&) = delete;  // owns a descriptor
  File& operator=(const File&) = delete;

  const std::string& path() const { return path_; }
  std::size_t bytes() const { return bytes_; }
  /// The bytes from `offset` on, as many as `out` has. Threads may read at once. Throws Error with the path where it
  /// cannot be read, or where its size or time of modification is another than when it was opened.
  void read(std::size_t offset, std::span<std::byte> out) const;

 private:
  std::string path_;
  int descriptor_;
  std::size_t bytes_ = 0;
  std::timespec written_{};
};

/// All bytes of a file, as many as the system says that it has. Throws Error as File does.
std::vector<std::byte> read_file(const std::string& path, std::size_t most_bytes = kMostBytesOfFile);

}  // namespace cudet
