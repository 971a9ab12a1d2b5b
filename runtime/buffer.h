// Memory whose start is aligned for vectors and cache lines.
#pragma once
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <string>

#include "kernels/error.h"

namespace cudet {

constexpr std::size_t kBufferAlignment = 64;  // bytes: a cache line, and the widest vector

/// The least multiple of kBufferAlignment that is no less than `bytes`.
constexpr std::size_t align_up(std::size_t bytes) {
  return (bytes + kBufferAlignment - 1) / kBufferAlignment * kBufferAlignment;
}

/// The least multiple of `step` that is no less than `size`.
constexpr int round_up(int size, int step) {
  return (size + step - 1) / step * step;
}

/// Owned bytes, aligned to kBufferAlignment, not initialised. Move-only.
class Buffer {
 public:
  Buffer() = default;
  /// Throws Error where the system has not that much.
  explicit Buffer(std::size_t bytes) : bytes_(bytes) {
    data_.reset(static_cast<std::byte*>(std::aligned_alloc(kBufferAlignment, align_up(bytes ? bytes : 1))));
    if (!data_) throw Error("out of memory: " + std::to_string(bytes >> 20) + " MB are needed");
  }
  std::byte* data() const { return data_.get(); }
  std::size_t bytes() const { return bytes_; }

 private:
  struct Free {
    void operator()(std::byte* p) const { std::free(p); }
  };
  std::unique_ptr<std::byte, Free> data_;
  std::size_t bytes_ = 0;
};

}  // namespace cudet
