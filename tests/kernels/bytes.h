// 8-bit tensors for tests of kernels, with guards around them as in Arena (compare.h).
#pragma once
#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "kernels/tensor.h"

namespace cudet::test {

class ByteArena {
 public:
  static constexpr std::uint8_t kGuardByte = 0xa5;

  /// Allocates a tensor of `c` channels with a pixel pitch of c + spare elements. A u8 tensor starts at an odd offset,
  /// an f32 tensor at a multiple of 16 bytes.
  Tensor place(int n, int h, int w, int c, int spare = 0, Type type = Type::u8) {
    const std::size_t start = (values.size() + kMargin) / 16 * 16 + (type == Type::u8 ? 3 : 0);
    const Tensor t{Space::arena, type, start, n, h, w, c, c + spare};
    values.resize(start + t.pixel(n, 0, 0) * size_of(type) + kMargin, kGuardByte);
    return t;
  }
  /// The same, filled with random bytes from the seed.
  Tensor place_random(int n, int h, int w, int c, int spare, unsigned seed) {
    const Tensor t = place(n, h, w, c, spare);
    std::mt19937 random(seed);
    for (int i = 0; i < n; ++i)
      for (int y = 0; y < h; ++y)
        for (int x = 0; x < w; ++x)
          for (int k = 0; k < c; ++k)
            values[t.offset + t.pixel(i, y, x) + static_cast<std::size_t>(k)] = static_cast<std::uint8_t>(random());
    return t;
  }
  std::byte* data() { return reinterpret_cast<std::byte*>(values.data()); }
  Memory memory() { return {data(), nullptr}; }

  std::vector<std::uint8_t> values;

 private:
  static constexpr std::size_t kMargin = 64;
};

}  // namespace cudet::test
