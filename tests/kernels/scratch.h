// Memory::scratch of a thread that calls the CPU's convolutions itself.
#pragma once
#include <cstring>

#include "kernels/tensor.h"

namespace cudet::test {

class Scratch {
 public:
  Scratch() { std::memset(bytes_, 0xff, sizeof bytes_); }  // NaN: what is read before it is written shows
  std::byte* data() { return bytes_; }

 private:
  alignas(64) std::byte bytes_[kCpuScratch];
};

}  // namespace cudet::test
