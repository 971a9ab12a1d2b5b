#include "apps/cli/program.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <iostream>
#include <new>

#include "apps/files/signals.h"

namespace cudet {
namespace {

void open_standard_streams() {
  int descriptor = ::open("/dev/null", O_RDWR);
  while (descriptor >= 0 && descriptor <= STDERR_FILENO) descriptor = ::open("/dev/null", O_RDWR);
  if (descriptor >= 0) ::close(descriptor);
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
    std::fprintf(stderr, "%s: %s\n", name, error.what());
  }
  std::cout.flush();
  if ((std::fflush(stdout) != 0 || !std::cout) && status == 0) {
    std::fprintf(stderr, "%s: standard output: cannot write: %s\n", name, std::strerror(errno));
    status = kNotDone;
  }
  return status;
}

}  // namespace cudet
