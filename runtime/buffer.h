// Aligned memory.
#pragma once
#include <sys/mman.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <string>

#include "kernels/error.h"

namespace cudet {

constexpr std::size_t kBufferAlignment = 64;             // bytes: a cache line and the widest vector
constexpr std::size_t kHugePage = std::size_t{2} << 20;  // bytes, on systems with 4 KB pages

/// Rounds up to a multiple of kBufferAlignment.
constexpr std::size_t align_up(std::size_t bytes) {
  return (bytes + kBufferAlignment - 1) / kBufferAlignment * kBufferAlignment;
}

/// Rounds up to a multiple of `step`.
constexpr int round_up(int size, int step) {
  return (size + step - 1) / step * step;
}

/// Owned bytes, aligned to kBufferAlignment, not initialised. Move-only. Large buffers use huge pages if the system has
/// them: one page fault per 2 MB instead of 512, and fewer TLB misses.
class Buffer {
 public:
  Buffer() = default;
  /// Throws Error if the system does not have that much memory.
  explicit Buffer(std::size_t bytes) : bytes_(bytes) {
    const std::size_t alignment = bytes >= 2 * kHugePage ? kHugePage : kBufferAlignment;
    const std::size_t room = (std::max<std::size_t>(bytes, 1) + alignment - 1) / alignment * alignment;
    if (room >= bytes) data_.reset(static_cast<std::byte*>(std::aligned_alloc(alignment, room)));
    if (!data_) throw Error("out of memory: " + std::to_string(bytes >> 20) + " MB are needed");
#ifdef MADV_HUGEPAGE
    if (alignment == kHugePage) madvise(data_.get(), room, MADV_HUGEPAGE);  // best effort; failure is ignored
#endif
  }
  std::byte* data() const {
    return data_.get();
  }
  std::size_t bytes() const {
    return bytes_;
  }

 private:
  struct Free {
    void operator()(std::byte* p) const { std::free(p); }
  };
  std::unique_ptr<std::byte, Free> data_;
  std::size_t bytes_ = 0;
};

}  // namespace cudet
