// Memory::scratch for tests that call the CPU's convolutions.
#pragma once
#include <cstring>

#include "kernels/tensor.h"

namespace cudet::test {

class Scratch {
 public:
  Scratch() { std::memset(bytes_, 0xff, sizeof bytes_); }  // NaN, which reveals reads of uninitialised memory
  std::byte* data() { return bytes_; }

 private:
  alignas(64) std::byte bytes_[kCpuScratch];
};

}  // namespace cudet::test
