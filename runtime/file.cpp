#include "runtime/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "kernels/error.h"
#include "runtime/buffer.h"

namespace cudet {
namespace {

[[noreturn]] void fail(const std::string& path, const char* what) {
  throw Error(path + ": cannot " + what + ": " + std::strerror(errno));
}

/// A descriptor that closes itself.
struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

}  // namespace

std::vector<std::byte> read_file(const std::string& path, std::size_t most_bytes) {
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};  // a pipe must not make it wait
  if (file.fd < 0 && errno == ENOENT) throw Error(path + ": no such file");
  struct stat status {};
  if (file.fd < 0 || ::fstat(file.fd, &status) != 0) fail(path, "open");
  if (!S_ISREG(status.st_mode)) throw Error(path + ": not an ordinary file");
  const auto check = [&](std::size_t bytes) {
    if (bytes > most_bytes) throw Error(path + ": larger than " + std::to_string(most_bytes >> 20) + " MiB");
  };
  check(static_cast<std::size_t>(status.st_size));
  constexpr std::size_t kMore = 4096;  // room to see the end, or that it lies further than the size says
  std::vector<std::byte> bytes;
  bytes.reserve(static_cast<std::size_t>(status.st_size) + 1);
  prefer_huge_pages(bytes.data(), bytes.capacity());  // before any of them is touched
  bytes.resize(bytes.capacity());
  for (std::size_t size = 0;;) {
    if (size == bytes.size()) bytes.resize(size + kMore);
    const ssize_t got = ::read(file.fd, bytes.data() + size, bytes.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(path, "read");
    size += static_cast<std::size_t>(got);
    check(size);
    if (got == 0) {
      bytes.resize(size);
      return bytes;
    }
  }
}

}  // namespace cudet
