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
constexpr std::size_t kPage = 4096;  // below the stack, so that an overflow ends the program
}  // namespace

Fiber::Fiber(unsigned number, void (*main)()) : size_(kStack), colour_(number * 1088 % 8192), main_(main) {
  void* mapping =
      mmap(nullptr, kPage + kStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping == MAP_FAILED) throw std::bad_alloc();
  mprotect(mapping, kPage, PROT_NONE);
  bottom_ = static_cast<char*>(mapping) + kPage;
}

Fiber::~Fiber() {
  if (main_ == nullptr) return;
  char* const bottom = static_cast<char*>(const_cast<void*>(bottom_));
#ifdef __SANITIZE_ADDRESS__
  __asan_unpoison_memory_region(bottom, size_);  // frames that were never left
#endif
  munmap(bottom - kPage, kPage + kStack);
}

void Fiber::restart() {
  char* const top = static_cast<char*>(const_cast<void*>(bottom_)) + size_;
#ifdef __SANITIZE_ADDRESS__
  __asan_unpoison_memory_region(top - 2 * 8192, 2 * 8192);  // main's last frames
#endif
  context_ = boost::context::detail::make_fcontext(top - colour_, size_ - colour_, enter);
}

void Fiber::enter(boost::context::detail::transfer_t t) {
  const Fiber& entered = static_cast<Switch*>(t.data)->to;
  arrived(t, nullptr);
  entered.main_();
}

}  // namespace simt
