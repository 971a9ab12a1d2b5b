// detect: detects objects in images. Exit status: 0 success; 1 an image failed or the run stopped early; 2 not started.
#include <new>

#include "apps/cli/program.h"
#include "apps/detect/options.h"
#include "apps/detect/run.h"
#include "kernels/error.h"

namespace {

int detect(int argc, char** argv) {
  try {
    const std::optional<cudet::detect::Options> options = cudet::detect::parse_options(argc, argv);
    return options ? cudet::detect::run(*options) : 0;
  } catch (const std::bad_alloc&) {
    throw cudet::Error("out of memory: use a smaller --imgsz or --batch");
  }
}

}  // namespace

int main(int argc, char** argv) {
  return cudet::run_program("detect", detect, argc, argv);
}
