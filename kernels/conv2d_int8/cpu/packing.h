// Code that the 8-bit convolution's kernels share to pack weights.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/quantization.h"

namespace cudet {

/// The 8-bit weights w of one output channel, and the scale s with weight = w · s.
struct QuantizedChannel {
  std::vector<std::int8_t> w;
  float scale;

  QuantizedChannel(const float* weight, std::size_t count)
      : w(count), scale(quantize_weights(weight, count, w.data())) {}
};

/// Two 16-bit weights in one word.
inline std::int32_t weight_pair(int lower, int upper) {
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(upper) << 16 |
                                   (static_cast<std::uint32_t>(lower) & 0xffff));
}

}  // namespace cudet
