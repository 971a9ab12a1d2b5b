#include "runtime/cpu/session.h"

#include <unistd.h>

#include "runtime/compile/lowering.h"

namespace cudet {
namespace {

/// Physical memory of the machine, bytes. An allocation beyond it may succeed, but the kernel may kill the process when
/// the memory is used.
std::size_t physical_memory() {
  return static_cast<std::size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<std::size_t>(sysconf(_SC_PAGE_SIZE));
}

}  // namespace

CpuSession::CpuSession(const Model& model, const Options& options)
    : model_(model),
      options_(options),
      executor_(options.threads),
      weights_(model.impl().cpu_weights(options.type, &executor_.pool())) {}

const Program& CpuSession::program(int batch, Extent input) {
  if (const Program* cached = programs_.find(batch, input)) return *cached;
  auto compiled = std::make_unique<Program>(
      compile(model_.impl().graph, *weights_, batch, input, options_.keep_rows,
              {.type = options_.type, .threads = options_.threads, .max_bytes = physical_memory()}));
  const std::size_t bytes = compiled->memory.bytes;
  if (bytes > arena_.bytes()) {
    programs_.clear();  // if the allocation below fails, no Program may keep using the old arena
    arena_ = Buffer();  // frees the old arena before the new one is allocated
    arena_ = Buffer(bytes);
  }
  return programs_.add(std::move(compiled));
}

void CpuSession::letterbox(const Program& program, const Frame& frame, const LetterboxFit& fit, int image) {
  const Letterbox op{frame, fit, program.input, image};
  executor_.pool().for_tiles(op.tiles(), [&](int first, int last) { letterbox_cpu(op, memory(), first, last); });
}

}  // namespace cudet
