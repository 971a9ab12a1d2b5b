#include "tests/simt/fiber.h"

#include <sys/mman.h>

#include <new>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

namespace simt {
namespace {
#ifdef __SANITIZE_ADDRESS__
constexpr std::size_t kStack = 256 << 10;
#else
constexpr std::size_t kStack = 64 << 10;
#endif
constexpr std::size_t kMaxOffset = 8192;
constexpr std::size_t kPage = 4096;  // inaccessible, below the stack: an overflow ends the program
}  // namespace

Fiber::Fiber(unsigned number, void (*main)())
    : stack_bytes_(kStack), stack_offset_(number * 1088 % kMaxOffset), main_(main) {
  void* mapping =
      mmap(nullptr, kPage + kStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping == MAP_FAILED) throw std::bad_alloc();
  mprotect(mapping, kPage, PROT_NONE);
  stack_ = static_cast<char*>(mapping) + kPage;
}

Fiber::~Fiber() {
  if (main_ == nullptr) return;
  char* const bottom = static_cast<char*>(const_cast<void*>(stack_));
#ifdef __SANITIZE_ADDRESS__
  __asan_unpoison_memory_region(bottom, stack_bytes_);  // frames that never returned
#endif
  munmap(bottom - kPage, kPage + kStack);
}

void Fiber::restart() {
  char* const top = static_cast<char*>(const_cast<void*>(stack_)) + stack_bytes_;
#ifdef __SANITIZE_ADDRESS__
  __asan_unpoison_memory_region(top - 2 * kMaxOffset, 2 * kMaxOffset);  // the last frames of main
#endif
  context_ = boost::context::detail::make_fcontext(top - stack_offset_, stack_bytes_ - stack_offset_, enter);
}

void Fiber::enter(boost::context::detail::transfer_t t) {
  const Fiber& entered = static_cast<Switch*>(t.data)->to;
  complete_switch(t, nullptr);
  entered.main_();
}

}  // namespace simt
