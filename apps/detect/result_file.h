// A file of results that grows entry by entry for as long as a run lasts.
#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace cudet {

/// Entries go to a temporary beside the file, which gets its name with commit(). An entry that fails (a full disk)
/// leaves nothing of itself, so what came before it can still be committed. "-" is standard output, written at once.
/// Errors are Error with the path and the system's reason.
class ResultFile {
 public:
  explicit ResultFile(std::string path);
  ~ResultFile();
  ResultFile(const ResultFile&) = delete;  // owns the temporary
  ResultFile& operator=(const ResultFile&) = delete;

  void append(std::span<const std::byte> entry);
  void append(std::string_view entry) { append(std::as_bytes(std::span(entry))); }
  /// Writes over what has been appended. Not for standard output.
  void overwrite(std::size_t offset, std::string_view text);
  void commit();  ///< once, last

  std::size_t size() const { return size_; }  ///< bytes

 private:
  [[noreturn]] void fail(int error) const;

  std::string path_, target_, temporary_;  // target_: links resolved; temporary_: empty when written directly
  int descriptor_ = -1;
  std::size_t size_ = 0;
};

}  // namespace cudet
