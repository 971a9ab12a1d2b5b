// detect: finds objects in pictures. Exit status: 0 all done, 1 cut short or some pictures failed, 2 not started.
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <new>

#include "apps/detect/options.h"
#include "apps/detect/run.h"

namespace {

/// Where a standard stream is closed, the next file to be opened would take its place, and its lines.
void open_standard_streams() {
  int descriptor = ::open("/dev/null", O_RDWR);
  while (descriptor >= 0 && descriptor <= STDERR_FILENO) descriptor = ::open("/dev/null", O_RDWR);
  if (descriptor >= 0) ::close(descriptor);
}

}  // namespace

int main(int argc, char** argv) {
  constexpr int kNotStarted = 2;
  open_standard_streams();
  try {
    const std::optional<cudet::detect::Options> options = cudet::detect::parse_options(argc, argv);
    return options ? cudet::detect::run(*options) : 0;
  } catch (const std::bad_alloc&) {
    std::fputs("detect: not enough memory: a smaller --imgsz or --batch needs less\n", stderr);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "detect: %s\n", error.what());
  }
  return kNotStarted;
}
