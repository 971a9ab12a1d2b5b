// detect: detects objects in images. Exit status: 0 success; 1 an image failed or the run stopped early; 2 not started.
#include <cstdio>
#include <exception>
#include <new>

#include "apps/cli/standard_streams.h"
#include "apps/detect/options.h"
#include "apps/detect/run.h"

int main(int argc, char** argv) {
  constexpr int kNotStarted = 2;
  cudet::open_standard_streams();
  try {
    const std::optional<cudet::detect::Options> options = cudet::detect::parse_options(argc, argv);
    return options ? cudet::detect::run(*options) : 0;
  } catch (const std::bad_alloc&) {
    std::fputs("detect: out of memory: use a smaller --imgsz or --batch\n", stderr);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "detect: %s\n", error.what());
  }
  return kNotStarted;
}
