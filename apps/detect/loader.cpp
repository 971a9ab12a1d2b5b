#include "apps/detect/loader.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <new>
#include <system_error>

#include "kernels/error.h"

namespace cudet::detect {
namespace {

constexpr std::size_t kLargestFile = std::size_t{1} << 30;  // bytes
constexpr int kPollInterval = 50;                           // milliseconds between checks of stop_ and interrupted_

/// A file open for reading. Closes it at the end, except for standard input.
class Input {
 public:
  explicit Input(const Source& source) {
    if (source.path == "-") return;
    owned_ = ::open(source.path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // do not block on a FIFO
    if (owned_ < 0) throw Error(source.name() + ": " + std::strerror(errno));
    struct stat status {};
    const bool known = ::fstat(owned_, &status) == 0;
    if (known && S_ISREG(status.st_mode)) return;
    ::close(owned_);
    throw Error(source.name() +
                (known && S_ISDIR(status.st_mode) ? ": is a folder, not an image" : ": not a regular file"));
  }
  ~Input() {
    if (owned_ >= 0) ::close(owned_);
  }
  Input(const Input&) = delete;  // owns the descriptor
  Input& operator=(const Input&) = delete;

  int descriptor() const { return owned_ >= 0 ? owned_ : STDIN_FILENO; }

 private:
  int owned_ = -1;
};

}  // namespace

Loader::Loader(const std::vector<Source>& sources, std::size_t max_pixels, int channels, std::size_t ahead,
               const std::atomic<bool>& interrupted)
    : sources_(sources), max_pixels_(max_pixels), ahead_(ahead), channels_(channels), interrupted_(interrupted) {
  try {
    thread_ = std::thread([this] {
      try {
        run();
      } catch (...) {
        const std::lock_guard lock(mutex_);
        failure_ = std::current_exception();
      }
      changed_.notify_all();
    });
  } catch (const std::system_error&) {
    throw Error("cannot start the thread that reads images: the system's limit is reached");
  }
}

Loader::~Loader() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

std::optional<Loaded> Loader::next() {
  std::unique_lock lock(mutex_);
  if (given_ == sources_.size()) return std::nullopt;
  const auto interval = std::chrono::milliseconds(kPollInterval);
  while (!changed_.wait_for(lock, interval, [this] { return !ready_.empty() || failure_; }))
    if (interrupted_) return std::nullopt;
  if (interrupted_) return std::nullopt;
  if (ready_.empty()) std::rethrow_exception(failure_);
  Loaded loaded = std::move(ready_.front());
  ready_.pop_front();
  ++given_;
  lock.unlock();
  changed_.notify_all();
  return loaded;
}

void Loader::run() {
  for (const Source& source : sources_) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stop_ || ready_.size() < ahead_; });
      if (stop_) return;
    }
    Loaded loaded = load(source);
    {
      const std::lock_guard lock(mutex_);
      ready_.push_back(std::move(loaded));
    }
    changed_.notify_all();
  }
}

Loaded Loader::load(const Source& source) const {
  Loaded loaded{&source, {}, 0, ""};
  const auto start = std::chrono::steady_clock::now();
  try {
    loaded.decoded = decode_image(read(source), source.name(), max_pixels_, channels_);
  } catch (const Error& error) {
    loaded.error = error.what();
  } catch (const std::bad_alloc&) {
    loaded.error = source.name() + ": out of memory for the image";
  }
  loaded.ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  return loaded;
}

std::vector<std::byte> Loader::read(const Source& source) const {
  constexpr std::size_t kPiece = std::size_t{1} << 20;
  const Input input(source);
  std::vector<std::byte> file;
  for (std::size_t size = 0;;) {
    if (stop_) throw Error(source.name() + ": interrupted");
    pollfd ready{input.descriptor(), POLLIN, 0};
    const int events = ::poll(&ready, 1, kPollInterval);
    if (events == 0 || (events < 0 && errno == EINTR)) continue;  // a read would block
    if (file.size() - size < kPiece) file.resize(std::max(size + kPiece, size + size / 2));
    const ssize_t got = ::read(input.descriptor(), file.data() + size, file.size() - size);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got < 0) throw Error(source.name() + ": " + std::strerror(errno));
    size += static_cast<std::size_t>(got);
    if (size > kLargestFile) throw Error(source.name() + ": the image file is larger than 1 GiB");
    if (got == 0) {
      file.resize(size);
      return file;
    }
  }
}

}  // namespace cudet::detect
