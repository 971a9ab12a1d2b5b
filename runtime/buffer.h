// Memory that a vector register or a cache line never straddles the start of.
#pragma once
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <string>

#include "kernels/error.h"
#include "runtime/memory_plan.h"

namespace cudet {

/// Owned bytes, aligned to kBufferAlignment, not initialised. Move-only.
class Buffer {
 public:
  Buffer() = default;
  /// Throws Error where the system has not that much.
  explicit Buffer(std::size_t bytes) : bytes_(bytes) {
    const std::size_t whole = (bytes + kBufferAlignment - 1) / kBufferAlignment * kBufferAlignment;
    data_.reset(static_cast<std::byte*>(std::aligned_alloc(kBufferAlignment, whole ? whole : kBufferAlignment)));
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
