// Files written so that a reader never meets half of one.
#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace cudet {

/// A file that appears under its name only when commit() succeeds: until then bytes go to a temporary beside it, which
/// is removed if the object ends first. A write that fails (a full disk) leaves nothing of itself, so that what came
/// before it can still be committed. "-" (standard output) and paths that are no ordinary file (a device, a pipe) are
/// written directly, from the start on; a symbolic link stays one. Errors are Error with the path and the system's
/// reason.
class AtomicFile {
 public:
  explicit AtomicFile(std::string path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;  // owns the temporary
  AtomicFile& operator=(const AtomicFile&) = delete;

  /// Appends `bytes`, then `ending`, which the next write takes the place of: a format that has to be closed is closed
  /// at all times, and needs no more room to be committed. What is written directly gets its last ending by commit().
  void write(std::span<const std::byte> bytes, std::string_view ending = {});
  void write(std::string_view text, std::string_view ending = {});
  /// Writes over bytes of earlier writes. Not for what is written directly.
  void overwrite(std::size_t offset, std::string_view text);
  /// All of it to the disk, so that commit() has but the name left to do. Nothing is written after it.
  void finish();
  void commit();  ///< once, last; finishes what is not finished

  std::size_t size() const { return size_; }             ///< bytes, without the ending
  bool is_direct() const { return temporary_.empty(); }  ///< whether there is no temporary

 private:
  int put(std::span<const std::byte> bytes, std::size_t offset) const;  ///< the system's error; 0: none
  [[noreturn]] void fail(int error) const;

  std::string path_, target_, temporary_, ending_;  // target_: links resolved; temporary_: empty when written directly
  int descriptor_ = -1;
  std::size_t size_ = 0;
};

}  // namespace cudet
