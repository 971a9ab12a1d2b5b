#include "apps/detect/result_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "kernels/error.h"

namespace cudet {

ResultFile::ResultFile(std::string path) : path_(std::move(path)), target_(path_) {
  if (path_ == "-") {
    descriptor_ = STDOUT_FILENO;
    return;
  }
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path_, error);
  if (std::filesystem::is_directory(status)) fail(EISDIR);
  if (std::filesystem::exists(status)) {
    if (::access(path_.c_str(), W_OK) != 0) fail(errno);  // a rename would pass over read-only
    if (!std::filesystem::is_regular_file(status)) {      // a device, a pipe
      descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC);
      if (descriptor_ < 0) fail(errno);
      return;
    }
    target_ = std::filesystem::canonical(path_, error).string();
    if (error) fail(error.value());
  }
  temporary_ = target_ + ".part" + std::to_string(::getpid());
  descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (descriptor_ < 0) {
    const int reason = errno;
    temporary_.clear();
    fail(reason);
  }
}

ResultFile::~ResultFile() {
  if (descriptor_ >= 0 && descriptor_ != STDOUT_FILENO) ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void ResultFile::append(std::span<const std::byte> entry) {
  for (std::size_t done = 0; done < entry.size();) {
    const ssize_t put = ::write(descriptor_, entry.data() + done, entry.size() - done);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) {
      const int reason = errno;
      const off_t whole = static_cast<off_t>(size_);
      if (!temporary_.empty() && ::ftruncate(descriptor_, whole) == 0) ::lseek(descriptor_, whole, SEEK_SET);
      fail(reason);
    }
    done += static_cast<std::size_t>(put);
  }
  size_ += entry.size();
}

void ResultFile::overwrite(std::size_t offset, std::string_view text) {
  while (!text.empty()) {
    const ssize_t put = ::pwrite(descriptor_, text.data(), text.size(), static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) fail(errno);
    offset += static_cast<std::size_t>(put);
    text.remove_prefix(static_cast<std::size_t>(put));
  }
}

void ResultFile::commit() {
  if (temporary_.empty()) return;
  if (::fsync(descriptor_) != 0) fail(errno);  // before the name points to it
  if (::close(std::exchange(descriptor_, -1)) != 0) fail(errno);
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) fail(errno);
  temporary_.clear();
}

void ResultFile::fail(int error) const {
  throw Error((path_ == "-" ? "standard output" : path_) + ": cannot write: " + std::strerror(error));
}

}  // namespace cudet
