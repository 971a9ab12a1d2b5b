#include "tests/simt/memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <new>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

namespace simt {
namespace {

constexpr std::size_t kGuard = 4096, kAlignment = 256;
constexpr std::size_t kHugePage = 2 << 20;  // if the system has others, they are small, and opening takes longer

}  // namespace

bool untouched(const unsigned char* begin, const unsigned char* end) {
  return begin == end ||
         (*begin == kNaN && std::memcmp(begin, begin + 1, static_cast<std::size_t>(end - begin) - 1) == 0);
}
void protect([[maybe_unused]] const unsigned char* begin, [[maybe_unused]] const unsigned char* end) {
#ifdef __SANITIZE_ADDRESS__
  __asan_poison_memory_region(begin, static_cast<std::size_t>(end - begin));
#endif
}
void expose([[maybe_unused]] const unsigned char* begin, [[maybe_unused]] const unsigned char* end) {
#ifdef __SANITIZE_ADDRESS__
  __asan_unpoison_memory_region(begin, static_cast<std::size_t>(end - begin));
#endif
}

// Every launch opens and closes the memory, which costs a step for each page in use: so pages are huge.
Memory::Memory(std::size_t bytes) : bytes_(bytes), mapped_(bytes + kHugePage) {
  mapping_ = mmap(nullptr, mapped_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping_ == MAP_FAILED) throw std::bad_alloc();
  const std::uintptr_t start = reinterpret_cast<std::uintptr_t>(mapping_);
  base_ = static_cast<unsigned char*>(mapping_) + (kHugePage - start % kHugePage) % kHugePage;
  madvise(base_, bytes_, MADV_HUGEPAGE);
}
Memory::~Memory() {
  for (const auto& [start, bytes] : allocations_) expose(start - kGuard, start + bytes + kGuard);
  munmap(mapping_, mapped_);
}

bool Memory::open() {
  if (open_) return false;
  mprotect(base_, bytes_, PROT_READ | PROT_WRITE);
  return open_ = true;
}
void Memory::close() {
  mprotect(base_, bytes_, PROT_NONE);
  open_ = false;
}

// [guard][data][guard] in the first gap that is wide enough
void* Memory::allocate(std::size_t bytes) {
  const auto aligned = [this](unsigned char* p) {
    const std::size_t offset = static_cast<std::size_t>(p - base_);
    return base_ + (offset + kGuard + kAlignment - 1) / kAlignment * kAlignment;
  };
  if (bytes > bytes_) return nullptr;
  unsigned char* start = aligned(base_);
  for (const auto& [next, size] : allocations_) {
    if (start + bytes + kGuard <= next - kGuard) break;
    start = aligned(next + size + kGuard);
  }
  if (start + bytes + kGuard > base_ + bytes_) return nullptr;
  open();
  std::memset(start - kGuard, kNaN, bytes + 2 * kGuard);
  close();
  protect(start - kGuard, start);
  protect(start + bytes, start + bytes + kGuard);
  allocations_.emplace(start, bytes);
  return start;
}

bool Memory::release(const void* p) {
  const auto found = allocations_.find(static_cast<unsigned char*>(const_cast<void*>(p)));
  if (found == allocations_.end()) return false;
  const auto [start, bytes] = *found;
  expose(start - kGuard, start + bytes + kGuard);
  open();
  std::memset(start, kNaN, bytes);  // for who still reads it
  close();
  allocations_.erase(found);
  return true;
}

std::size_t Memory::available() const {
  std::size_t used = 0;
  for (const auto& [start, bytes] : allocations_) used += bytes + 2 * kGuard;
  return used < bytes_ ? bytes_ - used : 0;
}

bool Memory::holds(const void* p, std::size_t bytes) const {
  const auto* const at = static_cast<const unsigned char*>(p);
  auto next = allocations_.upper_bound(const_cast<unsigned char*>(at));
  if (next == allocations_.begin()) return false;
  const auto [start, size] = *--next;
  return static_cast<std::size_t>(at - start) <= size && bytes <= size - static_cast<std::size_t>(at - start);
}

std::string Memory::damage() const {
#ifndef __SANITIZE_ADDRESS__  // it would have reported the write itself
  for (const auto& [start, bytes] : allocations_) {
    const bool before = !untouched(start - kGuard, start), behind = !untouched(start + bytes, start + bytes + kGuard);
    if (before || behind)
      return std::string("wrote ") + (before ? "before" : "behind") + " an allocation of " + std::to_string(bytes) +
             " bytes of device memory";
  }
#endif
  return {};
}

}  // namespace simt
