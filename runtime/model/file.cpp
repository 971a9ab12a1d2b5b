#include "runtime/model/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "kernels/error.h"

namespace cudet {
namespace {

[[noreturn]] void fail(const std::string& path, const char* what) {
  throw Error(path + ": cannot " + what + ": " + std::strerror(errno));
}

}  // namespace

File::File(const std::string& path, std::size_t max_bytes)
    : path_(path),
      descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {  // O_NONBLOCK: does not wait for a pipe
  if (descriptor_ < 0 && errno == ENOENT) throw Error(path + ": no such file");
  if (descriptor_ < 0) fail(path, "open");
  try {
    struct stat status {};
    if (::fstat(descriptor_, &status) != 0) fail(path, "open");
    if (!S_ISREG(status.st_mode)) throw Error(path + ": not a regular file");
    bytes_ = static_cast<std::size_t>(status.st_size);
    written_ = status.st_mtim;
    if (bytes_ > max_bytes) throw Error(path + ": larger than " + std::to_string(max_bytes >> 20) + " MiB");
  } catch (...) {
    ::close(descriptor_);
    throw;
  }
}

File::~File() {
  ::close(descriptor_);
}

void File::read(std::size_t offset, std::span<std::byte> out) const {
  const auto changed = [&] { return Error(path_ + ": was written to while it was in use"); };
  while (!out.empty()) {
    const ssize_t got = ::pread(descriptor_, out.data(), out.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(path_, "read");
    if (got == 0) throw changed();
    offset += static_cast<std::size_t>(got);
    out = out.subspan(static_cast<std::size_t>(got));
  }
  struct stat now {};
  if (::fstat(descriptor_, &now) != 0) fail(path_, "read");
  if (static_cast<std::size_t>(now.st_size) != bytes_ || now.st_mtim.tv_sec != written_.tv_sec ||
      now.st_mtim.tv_nsec != written_.tv_nsec)
    throw changed();
}

std::vector<std::byte> read_file(const std::string& path, std::size_t max_bytes) {
  const File file(path, max_bytes);
  std::vector<std::byte> bytes(file.bytes());
  file.read(0, bytes);
  return bytes;
}

}  // namespace cudet
