// Whole files, in and out: read at once, and written so that a reader never meets half of one.
#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cudet {

/// All bytes of a file. Throws Error with the path and the system's reason.
std::vector<std::byte> read_file(const std::string& path);

/// A file that appears under its name only when commit() succeeds: until then bytes go to a temporary beside it, which
/// is removed if the object ends first. A path that is no ordinary file (a device, a pipe) is written directly; a
/// symbolic link stays one. Every failure, a full disk too, throws Error with the path and the system's reason.
class AtomicFile {
 public:
  explicit AtomicFile(std::string path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;  // owns the temporary
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::span<const std::byte> bytes);
  void write(std::string_view text);
  void commit();  ///< once, last

 private:
  std::string path_, target_,
      temporary_;  // target_: path_ with links resolved; temporary_: empty when written directly
  int descriptor_ = -1;
};

}  // namespace cudet
