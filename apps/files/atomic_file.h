// Writes files atomically: a reader sees the complete file or none.
#pragma once
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "apps/files/signals.h"

namespace cudet {

/// Follows `path` while it is a symbolic link, also to a file that does not exist. Returns `path` itself if the links
/// form a circle.
std::string follow_links(const std::string& path);

/// A file that appears under its name only when commit() succeeds. Until then the data go to a temporary file in the
/// same folder, which the destructor removes if commit() was not called, as does a signal that ends the program. A
/// failed write (full disk) leaves no partial data, so that earlier writes can still be committed. If finish() or
/// commit() fails, the temporary file stays, and the error names it. A symbolic link stays a link; its target is
/// replaced, and the new file has its permissions. A link to a file that does not exist makes that file.
///
/// "-" (standard output) and paths that are not regular files (a device, a pipe) are written directly, without a
/// temporary. Waits for a reader that is slow, and fails if it does not read while the program is interrupted(). All
/// functions throw Error with the path and the system's reason.
class AtomicFile {
 public:
  explicit AtomicFile(std::string path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;  // owns the temporary file
  AtomicFile& operator=(const AtomicFile&) = delete;

  /// Appends `bytes`, then `ending`. The next write overwrites `ending`. This keeps a format with a closing part (such
  /// as JSON) valid after each write, and commit() needs no more disk space. Direct output gets the last ending in
  /// commit().
  void write(std::span<const std::byte> bytes, std::string_view ending = {});
  void write(std::string_view text, std::string_view ending = {});
  /// Overwrites bytes of earlier writes. Not allowed if is_direct().
  void overwrite(std::size_t offset, std::string_view text);
  /// Flushes all data to disk, so that commit() only has to rename the file. No writes may follow.
  void finish();
  void commit();  ///< Call once, last. Calls finish() if needed.
  /// Does what commit() does, but returns false if a file of this name exists, which then stays. The destructor removes
  /// the temporary file. Not allowed if is_direct().
  bool commit_new();

  std::size_t size() const { return size_; }      ///< in bytes, without the ending
  bool is_direct() const { return !temporary_; }  ///< written without a temporary file

 private:
  // Return errno, or 0.
  int put(std::span<const std::byte> bytes, std::size_t offset) const;
  int restore();
  [[noreturn]] void fail(int error) const;
  [[noreturn]] void fail_at_end(int error);

  std::string path_, target_, ending_;  // target_: links resolved
  std::optional<PartFile> temporary_;   // none if direct
  int descriptor_ = -1;
  std::size_t size_ = 0;
  bool damaged_ = false;  // a failed write left something after size_
};

}  // namespace cudet
