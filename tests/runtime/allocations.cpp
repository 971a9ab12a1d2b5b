#include "tests/runtime/allocations.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<std::size_t> count{0};
thread_local std::size_t until_failure = 0;  // allocations up to the one that fails; 0: none fails

void* allocate(std::size_t bytes, std::size_t alignment) {
  ++count;
  if (until_failure > 0 && --until_failure == 0) throw std::bad_alloc();
  const std::size_t whole = (bytes + alignment - 1) / alignment * alignment;
  if (void* p = std::aligned_alloc(alignment, whole ? whole : alignment)) return p;
  throw std::bad_alloc();
}

}  // namespace

namespace cudet::test {
std::size_t allocations() {
  return count;
}

FailingAllocation::FailingAllocation(std::size_t at) {
  until_failure = at + 1;
}
FailingAllocation::~FailingAllocation() {
  until_failure = 0;
}
bool FailingAllocation::happened() const {
  return until_failure == 0;
}
}  // namespace cudet::test

// The array forms of operator new call these.
void* operator new(std::size_t bytes) {
  return allocate(bytes, alignof(std::max_align_t));
}
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return allocate(bytes, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  try {
    return allocate(bytes, alignof(std::max_align_t));
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
void operator delete(void* p, const std::nothrow_t&) noexcept {
  std::free(p);
}
void operator delete(void* p) noexcept {
  std::free(p);
}
void operator delete(void* p, std::size_t) noexcept {
  std::free(p);
}
void operator delete(void* p, std::align_val_t) noexcept {
  std::free(p);
}
void operator delete(void* p, std::size_t, std::align_val_t) noexcept {
  std::free(p);
}
