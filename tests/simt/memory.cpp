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
constexpr std::size_t kHugePage = 2 << 20;  // a system without huge pages of this size works too, but opens more slowly

}  // namespace

bool untouched(const unsigned char* begin, const unsigned char* end) {
  return begin == end ||
         (*begin == kNaNByte && std::memcmp(begin, begin + 1, static_cast<std::size_t>(end - begin) - 1) == 0);
}
void poison([[maybe_unused]] const unsigned char* begin, [[maybe_unused]] const unsigned char* end) {
#ifdef __SANITIZE_ADDRESS__
  __asan_poison_memory_region(begin, static_cast<std::size_t>(end - begin));
#endif
}
void unpoison([[maybe_unused]] const unsigned char* begin, [[maybe_unused]] const unsigned char* end) {
#ifdef __SANITIZE_ADDRESS__
  __asan_unpoison_memory_region(begin, static_cast<std::size_t>(end - begin));
#endif
}

// Every launch opens and closes the memory, at a cost per page in use; hence huge pages.
Memory::Memory(std::size_t bytes) : bytes_(bytes), mapped_bytes_(bytes + kHugePage) {
  mapping_ = mmap(nullptr, mapped_bytes_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping_ == MAP_FAILED) throw std::bad_alloc();
  const std::uintptr_t start = reinterpret_cast<std::uintptr_t>(mapping_);
  base_ = static_cast<unsigned char*>(mapping_) + (kHugePage - start % kHugePage) % kHugePage;
  madvise(base_, bytes_, MADV_HUGEPAGE);
}
Memory::~Memory() {
  for (const auto& [start, bytes] : allocations_) unpoison(start - kGuard, start + bytes + kGuard);
  munmap(mapping_, mapped_bytes_);
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

// Places [guard][data][guard] in the first gap that is wide enough.
void* Memory::allocate(std::size_t bytes) {
  const auto data_after = [this](unsigned char* p) {
    const std::size_t offset = static_cast<std::size_t>(p - base_);
    return base_ + (offset + kGuard + kAlignment - 1) / kAlignment * kAlignment;
  };
  if (bytes > bytes_) return nullptr;
  unsigned char* start = data_after(base_);
  for (const auto& [next, size] : allocations_) {
    if (start + bytes + kGuard <= next - kGuard) break;
    start = data_after(next + size + kGuard);
  }
  if (start + bytes + kGuard > base_ + bytes_) return nullptr;
  open();
  std::memset(start - kGuard, kNaNByte, bytes + 2 * kGuard);
  close();
  poison(start - kGuard, start);
  poison(start + bytes, start + bytes + kGuard);
  allocations_.emplace(start, bytes);
  return start;
}

bool Memory::release(const void* p) {
  const auto found = allocations_.find(static_cast<unsigned char*>(const_cast<void*>(p)));
  if (found == allocations_.end()) return false;
  const auto [start, bytes] = *found;
  unpoison(start - kGuard, start + bytes + kGuard);
  open();
  std::memset(start, kNaNByte, bytes);  // a read after the release returns NaN
  close();
  allocations_.erase(found);
  return true;
}

std::size_t Memory::available() const {
  std::size_t used = 0;
  for (const auto& [start, bytes] : allocations_) used += bytes + 2 * kGuard;
  return used < bytes_ ? bytes_ - used : 0;
}

bool Memory::contains(const void* p, std::size_t bytes) const {
  const auto* const at = static_cast<const unsigned char*>(p);
  auto next = allocations_.upper_bound(const_cast<unsigned char*>(at));
  if (next == allocations_.begin()) return false;
  const auto [start, size] = *--next;
  return static_cast<std::size_t>(at - start) <= size && bytes <= size - static_cast<std::size_t>(at - start);
}

std::string Memory::damage() const {
#ifndef __SANITIZE_ADDRESS__  // which reports the write itself
  for (const auto& [start, bytes] : allocations_) {
    const bool before = !untouched(start - kGuard, start), after = !untouched(start + bytes, start + bytes + kGuard);
    if (before || after)
      return std::string("wrote ") + (before ? "before the start" : "past the end") + " of an allocation of " +
             std::to_string(bytes) + " bytes of device memory";
  }
#endif
  return {};
}

}  // namespace simt
