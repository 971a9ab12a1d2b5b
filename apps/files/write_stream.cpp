#include "apps/files/write_stream.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>

#include "apps/files/signals.h"

namespace cudet {

int write_stream(int descriptor, std::string_view text) {
  constexpr std::size_t kPiece = 4096;  // PIPE_BUF: a pipe that poll() finds ready takes it without blocking
  constexpr int kPause = 50;            // milliseconds between looks at interrupted()
  constexpr int kPatience = 40;         // pauses without progress after which an interrupted program gives up
  int pauses = 0;
  while (!text.empty()) {
    pollfd ready{descriptor, POLLOUT, 0};
    const int count = ::poll(&ready, 1, kPause);
    if (count == 0 && ++pauses >= kPatience && interrupted()) return ECANCELED;
    if (count == 0 || (count < 0 && errno == EINTR)) continue;
    const std::string_view piece = text.substr(0, kPiece);
    const ssize_t done = ::write(descriptor, piece.data(), piece.size());
    if (done < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (done < 0) return errno;
    text.remove_prefix(static_cast<std::size_t>(done));
    pauses = 0;
  }
  return 0;
}

}  // namespace cudet
