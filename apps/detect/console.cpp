#include "apps/detect/console.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "apps/cli/explain.h"
#include "apps/detect/format.h"
#include "apps/files/write_stream.h"
#include "kernels/error.h"

namespace cudet::detect {

Console::Console(bool lines, bool bar, std::size_t total)
    : lines_(lines), bar_(bar && total > 1 && ::isatty(STDERR_FILENO)), total_(total) {}

Console::~Console() {
  clear_bar();
}

void Console::say(const std::string& line) {
  if (!lines_) return;
  clear_bar();
  const int error = write_stream(STDOUT_FILENO, line + "\n");
  if (error != 0 && error != EBADF)  // EBADF: the caller has closed it
    throw Error(std::string("standard output: cannot write: ") + std::strerror(error));
  draw_bar();
}

void Console::complain(const std::string& line) {
  clear_bar();
  write_stream(STDERR_FILENO, "detect: " + terminal_line(line) + "\n");  // a failure cannot be reported
  draw_bar();
}

void Console::progress(std::size_t done) {
  done_ = done;
  constexpr auto kPause = std::chrono::milliseconds(100);  // writing to a terminal is slow
  if (bar_ && std::chrono::steady_clock::now() - drawn_ >= kPause) draw_bar();
}

void Console::clear_bar() {
  if (!shown_) return;
  std::fputs("\r\033[K", stderr);
  shown_ = false;
}

void Console::draw_bar() {
  if (!bar_ || done_ == 0 || done_ == total_) return;
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  std::fprintf(stderr, "\r%s\033[K", progress_bar(done_, total_, seconds, 30).c_str());
  std::fflush(stderr);
  drawn_ = std::chrono::steady_clock::now();
  shown_ = true;
}

std::string progress_bar(std::size_t done, std::size_t total, double seconds, int width) {
  const std::size_t filled = total == 0 ? width : done * width / total;
  std::string bar(1, '[');
  bar.append(filled, '#').append(width - filled, '-').append("] ");
  const double rate = seconds > 0 ? static_cast<double>(done) / seconds : 0;
  char text[96];
  std::snprintf(text, sizeof text, "%zu of %zu, %.1f images/s", done, total, rate);
  bar += text;
  if (rate <= 0) return bar;
  const auto left = static_cast<long>(static_cast<double>(total - done) / rate + 0.5);
  if (left >= 60) {
    std::snprintf(text, sizeof text, ", %ld min %02ld s left", left / 60, left % 60);
  } else {
    std::snprintf(text, sizeof text, ", %ld s left", left);
  }
  return bar + text;
}

}  // namespace cudet::detect
