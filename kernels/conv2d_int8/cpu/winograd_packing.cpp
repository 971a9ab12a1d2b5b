#include "kernels/conv2d_int8/cpu/winograd_packing.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <vector>

#include "kernels/conv2d_int8/cpu/packing.h"

namespace cudet {
namespace {

/// Rounds to the nearest integer, for magnitudes below 2^22: adding 1.5 · 2^23 leaves it in the low bits. Unlike
/// std::nearbyint, compilers vectorise this.
std::int32_t round(float value) {
  constexpr float kRound = 0x1.8p23f;
  return std::bit_cast<std::int32_t>(value + kRound) - std::bit_cast<std::int32_t>(kRound);
}

// 24 G: integers.
constexpr float kG[kInt8WinogradIn][3] = {{-4, -4, -4}, {-4, 4, -4}, {1, 2, 4}, {1, -2, 4}, {6, 0, 0}, {0, 0, 24}};
// Of each row of Bᵀ: the sum of its positive elements, and of the magnitudes of its negative ones.
constexpr int kPositive[kInt8WinogradIn] = {2, 5, 3, 3, 5, 5}, kNegative[kInt8WinogradIn] = {8, 5, 3, 3, 5, 5};

/// Maximum magnitude of point (i, j) of a transformed patch of 8-bit values.
int max_value(int i, int j, int zero) {
  const int positive = kPositive[i] * kPositive[j] + kNegative[i] * kNegative[j];
  const int negative = kPositive[i] * kNegative[j] + kNegative[i] * kPositive[j];
  const int above = 255 - zero;  // values are of [−zero, above]
  return std::max(positive * above + negative * zero, negative * above + positive * zero);
}

/// U = 24² G g Gᵀ of a channel's kernels: point, C. Integers below 2^24, so that floats, which vectorise, are exact.
void transform(const QuantizedChannel& channel, std::size_t c_count, std::vector<float>& half, std::vector<float>& u) {
  for (std::size_t i = 0; i < kInt8WinogradIn; ++i)  // G g: row of points, column of taps, C
    for (std::size_t s = 0; s < 3; ++s)
      for (std::size_t c = 0; c < c_count; ++c) {
        const auto tap = [&](std::size_t r) { return static_cast<float>(channel.w[(r * 3 + s) * c_count + c]); };
        half[(i * 3 + s) * c_count + c] = kG[i][0] * tap(0) + kG[i][1] * tap(1) + kG[i][2] * tap(2);
      }
  for (std::size_t i = 0; i < kInt8WinogradIn; ++i)
    for (std::size_t j = 0; j < kInt8WinogradIn; ++j)
      for (std::size_t c = 0; c < c_count; ++c) {
        const float* row = half.data() + i * 3 * c_count + c;
        u[(i * kInt8WinogradIn + j) * c_count + c] =
            row[0] * kG[j][0] + row[c_count] * kG[j][1] + row[2 * c_count] * kG[j][2];
      }
}

}  // namespace

std::size_t int8_winograd_packed_bytes(const Conv2d& conv) {
  const std::size_t blocks = Conv2dBlocks(conv).count;
  return blocks *
         (kInt8WinogradPoints * kConv2dBlock * sizeof(float) + int8_winograd_block_pairs(conv) * sizeof(std::int32_t));
}

void int8_winograd_pack(const Conv2d& conv, Quantization x, const float* weight, std::byte* packed) {
  constexpr double kMaxSum = 2147483647.0 * (1 - 1e-6), kMaxWeight = 32767;  // a scale is rounded to f32
  const std::size_t block_pairs = int8_winograd_block_pairs(conv);
  const std::size_t c_count = static_cast<std::size_t>(conv.x.c), depth = 9 * c_count;
  auto* multipliers = reinterpret_cast<float*>(packed);
  auto* weights = reinterpret_cast<std::int32_t*>(multipliers + static_cast<std::size_t>(Conv2dBlocks(conv).count) *
                                                                    kInt8WinogradPoints * kConv2dBlock);
  std::vector<float> half(kInt8WinogradIn * 3 * c_count), u(kInt8WinogradPoints * c_count);
  std::memset(packed, 0, int8_winograd_packed_bytes(conv));  // the padding of blocks
  for (int k = 0; k < conv.y.c; ++k) {
    const QuantizedChannel channel(weight + k * depth, depth);
    transform(channel, c_count, half, u);
    const int block = k / kConv2dBlock, lane = k % kConv2dBlock;
    for (int p = 0; p < kInt8WinogradPoints; ++p) {
      const float* from = u.data() + p * c_count;
      double sum = 0, largest = 0;
      for (std::size_t c = 0; c < c_count; ++c) {
        const double magnitude = std::abs(from[c]);
        sum += magnitude, largest = std::max(largest, magnitude);
      }
      // The largest scale with which no sum of products overflows 32 bits, rounding included.
      const double value = max_value(p / kInt8WinogradIn, p % kInt8WinogradIn, x.zero);
      const double room = kMaxSum / value - 0.5 * static_cast<double>(c_count);
      const double scale = largest > 0 ? std::min({kMaxWeight / largest, room / sum, 1.0}) : 1;
      const float factor = static_cast<float>(scale);
      multipliers[(block * kInt8WinogradPoints + p) * kConv2dBlock + lane] =
          static_cast<float>(static_cast<double>(channel.scale) * x.scale / (576 * scale));
      std::int32_t* to = weights + block * block_pairs + p * c_count / 2 * kConv2dBlock + lane;
      for (std::size_t c = 0; c < c_count; c += 2, to += kConv2dBlock)
        *to = weight_pair(round(from[c] * factor), round(from[c + 1] * factor));
    }
  }
}

}  // namespace cudet
