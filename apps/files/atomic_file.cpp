#include "apps/files/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <utility>

#include "apps/files/write_stream.h"
#include "kernels/error.h"

namespace cudet {
namespace {

std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

/// Calls a function of the system again while a signal interrupts it. Returns errno, or 0.
template <class Call>
int repeat(const Call& call) {
  while (call() != 0)
    if (errno != EINTR) return errno;
  return 0;
}

}  // namespace

std::string follow_links(const std::string& path) {
  std::filesystem::path target = path;
  std::error_code error;
  constexpr int kMaxLinks = 40;  // as the system's own limit
  for (int i = 0; std::filesystem::is_symlink(std::filesystem::symlink_status(target, error)); ++i) {
    const std::filesystem::path next = std::filesystem::read_symlink(target, error);
    if (error || i == kMaxLinks) return path;
    target = target.parent_path() / next;  // an absolute `next` replaces it
  }
  return target.string();
}

AtomicFile::AtomicFile(std::string path) : path_(std::move(path)), target_(path_) {
  if (path_ == "-") {
    descriptor_ = STDOUT_FILENO;
    return;
  }
  struct stat status {};
  if (::stat(path_.c_str(), &status) == 0) {
    if (S_ISDIR(status.st_mode)) fail(EISDIR);
    if (!S_ISREG(status.st_mode)) {
      descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC);
      if (descriptor_ < 0) fail(errno);
      return;
    }
    if (::access(path_.c_str(), W_OK) != 0) fail(errno);  // a rename would replace a read-only file
    std::error_code error;
    target_ = std::filesystem::canonical(path_, error).string();
    if (error) fail(error.value());
  } else if (errno != ENOENT) {
    fail(errno);
  } else {
    target_ = follow_links(path_);
  }
  constexpr std::size_t kMaxBase = 200;  // bytes of the file name, which has at most 255 with what is appended
  std::string base = target_;
  if (const std::size_t first = target_.rfind('/') + 1; target_.size() - first > kMaxBase)
    base.resize(first + kMaxBase);
  constexpr int kMaxAttempts = 100;  // killed processes may have left files of the same name
  for (int attempt = 0;; ++attempt) {
    std::string name = base + ".part" + std::to_string(::getpid()) + "-" + std::to_string(attempt);
    const BlockedSignals blocked;
    descriptor_ = ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor_ >= 0) {
      temporary_.emplace(std::move(name));
      if (S_ISREG(status.st_mode))  // best effort: the file that is replaced may be private
        static_cast<void>(::fchmod(descriptor_, status.st_mode & 0777) == 0);
      return;
    }
    if (errno != EINTR && (errno != EEXIST || attempt + 1 == kMaxAttempts)) fail(errno);
  }
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0 && is_direct()) put(as_bytes(ending_), size_);  // best effort
  if (descriptor_ >= 0 && descriptor_ != STDOUT_FILENO) ::close(descriptor_);
}

void AtomicFile::write(std::span<const std::byte> bytes, std::string_view ending) {
  std::string next_ending(ending);  // first, because it can throw
  int error = put(bytes, size_);
  if (error == 0 && !is_direct()) error = put(as_bytes(ending), size_ + bytes.size());
  if (error != 0) {
    if (is_direct()) {
      ending_.clear();  // the output is truncated: an ending would not make it valid
    } else {
      damaged_ = true;
      restore();
    }
    fail(error);
  }
  size_ += bytes.size();
  ending_ = std::move(next_ending);
}

void AtomicFile::write(std::string_view text, std::string_view ending) {
  write(as_bytes(text), ending);
}

void AtomicFile::overwrite(std::size_t offset, std::string_view text) {
  if (const int error = put(as_bytes(text), offset)) fail(error);
}

void AtomicFile::finish() {
  if (descriptor_ < 0) return;
  if (is_direct()) {
    const std::string ending = std::exchange(ending_, {});
    if (const int error = put(as_bytes(ending), size_)) fail(error);
  } else {
    if (const int failed = damaged_ ? restore() : 0) fail_at_end(failed);
    // The new ending may be shorter than the one before.
    const auto length = static_cast<off_t>(size_ + ending_.size());
    if (const int error = repeat([&] { return ::ftruncate(descriptor_, length); })) fail_at_end(error);
    // The data must be on disk before the name refers to it.
    if (const int error = repeat([&] { return ::fsync(descriptor_); })) fail_at_end(error);
  }
  const int descriptor = std::exchange(descriptor_, -1);
  if (descriptor != STDOUT_FILENO && ::close(descriptor) != 0 && errno != EINTR) fail_at_end(errno);
}

void AtomicFile::commit() {
  finish();
  if (is_direct()) return;
  const auto rename = [&] { return std::rename(temporary_->path().c_str(), target_.c_str()); };
  if (const int error = repeat(rename)) fail_at_end(error);
  temporary_->keep();
}

bool AtomicFile::commit_new() {
  finish();
  const char *from = temporary_->path().c_str(), *to = target_.c_str();
  int error = repeat([&] { return ::renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE); });
  if (error == EINVAL || error == ENOSYS)  // not every file system can
    error = ::access(to, F_OK) == 0 ? EEXIST : repeat([&] { return std::rename(from, to); });
  if (error == EEXIST) return false;
  if (error != 0) fail_at_end(error);
  temporary_->keep();
  return true;
}

/// Writes the ending again, over what a failed write left. Its space is already allocated, so that a disk that is full
/// has room for it. Returns errno, or 0.
int AtomicFile::restore() {
  const int error = put(as_bytes(ending_), size_);
  static_cast<void>(::ftruncate(descriptor_, static_cast<off_t>(size_ + ending_.size())) == 0);  // finish() reports it
  damaged_ = error != 0;
  return error;
}

int AtomicFile::put(std::span<const std::byte> bytes, std::size_t offset) const {
  if (is_direct()) return write_stream(descriptor_, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  while (!bytes.empty()) {
    const ssize_t done = ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return errno;
    offset += static_cast<std::size_t>(done);
    bytes = bytes.subspan(static_cast<std::size_t>(done));
  }
  return 0;
}

void AtomicFile::fail(int error) const {
  throw Error((path_ == "-" ? "standard output" : path_) + ": cannot write: " + std::strerror(error));
}

void AtomicFile::fail_at_end(int error) {
  if (is_direct()) fail(error);
  temporary_->keep();
  throw Error(path_ + ": cannot write: " + std::strerror(error) + "; what was written is in " + temporary_->path());
}

}  // namespace cudet
