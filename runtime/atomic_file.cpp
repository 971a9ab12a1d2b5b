#include "runtime/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "kernels/error.h"

namespace cudet {
namespace {

[[noreturn]] void fail(const std::string& path, const char* what, int error) {
  throw Error(path + ": cannot " + what + ": " + std::strerror(error));
}

/// A descriptor that closes itself.
struct Descriptor {
  int fd;
  ~Descriptor() { ::close(fd); }
};

}  // namespace

std::vector<std::byte> read_file(const std::string& path) {
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  struct stat status {};
  if (file.fd < 0 || ::fstat(file.fd, &status) != 0) fail(path, "open", errno);
  if (S_ISDIR(status.st_mode)) fail(path, "read", EISDIR);
  std::vector<std::byte> bytes(static_cast<std::size_t>(status.st_size));
  std::size_t size = 0;
  for (;;) {
    if (size == bytes.size()) {  // full, or a pipe of unknown length: is there more?
      std::byte more[4096];
      const ssize_t got = ::read(file.fd, more, sizeof more);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) fail(path, "read", errno);
      if (got == 0) break;
      bytes.insert(bytes.end(), more, more + got);
      size = bytes.size();
      continue;
    }
    const ssize_t got = ::read(file.fd, bytes.data() + size, bytes.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(path, "read", errno);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  bytes.resize(size);
  return bytes;
}

AtomicFile::AtomicFile(std::string path) : path_(std::move(path)), target_(path_) {
  struct stat status {};
  if (::stat(path_.c_str(), &status) == 0) {
    if (S_ISDIR(status.st_mode)) fail(path_, "write", EISDIR);
    if (!S_ISREG(status.st_mode)) {
      descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC);
      if (descriptor_ < 0) fail(path_, "write", errno);
      return;
    }
    if (::access(path_.c_str(), W_OK) != 0) fail(path_, "write", errno);  // a rename would pass over read-only
    std::error_code error;
    target_ = std::filesystem::canonical(path_, error).string();
    if (error) fail(path_, "write", error.value());
  }
  for (int attempt = 0; descriptor_ < 0; ++attempt) {
    temporary_ = target_ + ".tmp" + std::to_string(::getpid()) + "-" + std::to_string(attempt);
    descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor_ < 0 && (errno != EEXIST || attempt == 99)) fail(path_, "write", errno);
  }
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(descriptor_, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) fail(path_, "write", errno);
    bytes = bytes.subspan(static_cast<std::size_t>(put));
  }
}

void AtomicFile::write(std::string_view text) {
  write(std::as_bytes(std::span(text)));
}

void AtomicFile::commit() {
  const bool temporary = !temporary_.empty();
  if (temporary && ::fsync(descriptor_) != 0) fail(path_, "write", errno);  // before the name points to it
  if (::close(std::exchange(descriptor_, -1)) != 0) fail(path_, "write", errno);
  if (temporary && ::rename(temporary_.c_str(), target_.c_str()) != 0) fail(path_, "write", errno);
  temporary_.clear();
}

}  // namespace cudet
