#include "apps/cli/program.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <iostream>
#include <new>

#include "apps/cli/explain.h"
#include "apps/files/signals.h"

namespace cudet {
namespace {

/// A closed standard output becomes one that cannot be written, so that results for it are not lost in silence.
void open_standard_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (::fcntl(stream, F_GETFD) < 0 && errno == EBADF)
      ::open("/dev/null", stream == STDOUT_FILENO ? O_RDONLY : O_RDWR);  // gets the lowest number, this one
}

}  // namespace

int run_program(const char* name, int (*body)(int argc, char** argv), int argc, char** argv) {
  open_standard_streams();
  end_at_signals(name);
  int status = kNotDone;
  try {
    status = body(argc, argv);
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "%s: out of memory\n", name);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", name, terminal_line(error.what()).c_str());
  }
  const bool flushed = std::fflush(stdout) == 0, closed = !flushed && errno == EBADF;
  const int error = errno;
  std::cout.flush();
  if ((!flushed || std::ferror(stdout) || !std::cout) && !closed && status == 0) {
    std::fprintf(stderr, "%s: standard output: cannot write%s%s\n", name, flushed ? "" : ": ",
                 flushed ? "" : std::strerror(error));
    status = kNotDone;
  }
  return status;
}

}  // namespace cudet
