// Which of the CPU's kernels runs a convolution on integers, and the weights that they read.
#include <bit>
#include <cmath>
#include <cstring>
#include <vector>

#include "kernels/conv2d_int8/cpu/tiling.h"

namespace cudet {
namespace {

/// To the nearest integer, of magnitudes below 2^22: adding 1.5 · 2^23 leaves it in the low bits. Unlike std::nearbyint
/// this vectorises.
std::int32_t round(float value) {
  constexpr float kRound = 0x1.8p23f;
  return std::bit_cast<std::int32_t>(value + kRound) - std::bit_cast<std::int32_t>(kRound);
}

/// The 8-bit weights w of one output channel, and s with weight = w · s.
struct QuantizedChannel {
  std::vector<std::int8_t> w;
  float scale;

  QuantizedChannel(const float* weight, std::size_t count)
      : w(count), scale(quantize_weights(weight, count, w.data())) {}
};

/// Two weights of 16 bits in one word.
std::int32_t pair(int lower, int upper) {
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(upper) << 16 |
                                   (static_cast<std::uint32_t>(lower) & 0xffff));
}

void pack_direct(const Conv2d& conv, Quantization x, const float* weight, std::byte* packed) {
  const Conv2dBlocks blocks(conv);
  const Int8Runs runs(conv);
  const std::size_t depth = static_cast<std::size_t>(blocks.depth);
  auto* multipliers = reinterpret_cast<float*>(packed);
  auto* weights = reinterpret_cast<std::int32_t*>(multipliers + static_cast<std::size_t>(blocks.count) * kConv2dBlock);
  const int k_of_group = conv.y.c / conv.groups, rows = conv.kernel.h * runs.of_row;
  for (int k = 0; k < conv.y.c; ++k) {
    const int of_group = k % k_of_group, lane = of_group % kConv2dBlock;
    const int block = k / k_of_group * blocks.of_group + of_group / kConv2dBlock;
    const QuantizedChannel channel(weight + k * depth, depth);
    multipliers[block * kConv2dBlock + lane] = channel.scale * x.scale;
    std::int32_t* to = weights + block * runs.block_pairs + lane;
    const std::int8_t* w = channel.w.data();
    for (int row = 0; row < rows; ++row)
      for (int left = runs.values; left > 0; left -= 2, to += kConv2dBlock) {
        *to = pair(w[0], left > 1 ? w[1] : 0);
        w += left > 1 ? 2 : 1;
      }
  }
}

// 24 G: integers.
constexpr float kG[kInt8WinogradIn][3] = {{-4, -4, -4}, {-4, 4, -4}, {1, 2, 4}, {1, -2, 4}, {6, 0, 0}, {0, 0, 24}};
// Of each row of Bᵀ the sum of what is positive, and of what is negative.
constexpr int kPositive[kInt8WinogradIn] = {2, 5, 3, 3, 5, 5}, kNegative[kInt8WinogradIn] = {8, 5, 3, 3, 5, 5};

/// The largest magnitude that point (i, j) of a transformed patch of 8-bit values can have.
int most_value(int i, int j, int zero) {
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

void pack_winograd(const Conv2d& conv, Quantization x, const float* weight, std::byte* packed) {
  constexpr double kMostSum = 2147483647.0 * (1 - 1e-6), kMostWeight = 32767;  // a scale is rounded to f32
  const std::size_t block_pairs = int8_winograd_block_pairs(conv);
  const std::size_t c_count = static_cast<std::size_t>(conv.x.c), depth = 9 * c_count;
  auto* multipliers = reinterpret_cast<float*>(packed);
  auto* weights = reinterpret_cast<std::int32_t*>(multipliers + static_cast<std::size_t>(Conv2dBlocks(conv).count) *
                                                                    kInt8WinogradPoints * kConv2dBlock);
  std::vector<float> half(kInt8WinogradIn * 3 * c_count), u(kInt8WinogradPoints * c_count);
  for (int k = 0; k < conv.y.c; ++k) {
    const QuantizedChannel channel(weight + k * depth, depth);
    transform(channel, c_count, half, u);
    const int block = k / kConv2dBlock, lane = k % kConv2dBlock;
    for (int p = 0; p < kInt8WinogradPoints; ++p) {
      const float* from = u.data() + p * c_count;
      double sum = 0, most = 0;
      for (std::size_t c = 0; c < c_count; ++c) {
        const double magnitude = std::abs(from[c]);
        sum += magnitude, most = std::max(most, magnitude);
      }
      // The most bits with which no sum of products leaves 32 bits, rounding included.
      const double value = most_value(p / kInt8WinogradIn, p % kInt8WinogradIn, x.zero);
      const double room = kMostSum / value - 0.5 * static_cast<double>(c_count);
      const double scale = most > 0 ? std::min({kMostWeight / most, room / sum, 1.0}) : 1;
      const float factor = static_cast<float>(scale);
      multipliers[(block * kInt8WinogradPoints + p) * kConv2dBlock + lane] =
          static_cast<float>(static_cast<double>(channel.scale) * x.scale / (576 * scale));
      std::int32_t* to = weights + block * block_pairs + p * c_count / 2 * kConv2dBlock + lane;
      for (std::size_t c = 0; c < c_count; c += 2, to += kConv2dBlock)
        *to = pair(round(from[c] * factor), round(from[c + 1] * factor));
    }
  }
}

}  // namespace

bool conv2d_int8_fits(const Conv2d& conv) {
  return Int8Tiling::patch_values(conv, {1, 1}) <= Int8Tiling::kPatchValues;
}

bool conv2d_int8_cpu_has_winograd(const Conv2d& conv) {
  constexpr Extent kOne{1, 1};
  return conv.kernel == Extent{3, 3} && conv.stride == kOne && conv.dilation == kOne && conv.groups == 1 &&
         conv.x.c % 16 == 0 && conv.x.c <= Int8WinogradTiling::kMostChannels;
}

std::size_t conv2d_int8_cpu_packed_bytes(const Conv2d& conv) {
  const bool winograd = conv2d_int8_cpu_has_winograd(conv);
  const std::size_t blocks = static_cast<std::size_t>(Conv2dBlocks(conv).count);
  const std::size_t pairs = winograd ? int8_winograd_block_pairs(conv) : Int8Runs(conv).block_pairs;
  return blocks * ((winograd ? kInt8WinogradPoints : 1) * kConv2dBlock * sizeof(float) + pairs * sizeof(std::int32_t));
}

void conv2d_int8_cpu_pack(const Conv2d& conv, Quantization x, const float* weight, std::byte* packed) {
  std::memset(packed, 0, conv2d_int8_cpu_packed_bytes(conv));  // what fills blocks and pairs up
  conv2d_int8_cpu_has_winograd(conv) ? pack_winograd(conv, x, weight, packed) : pack_direct(conv, x, weight, packed);
}

int conv2d_int8_cpu_tiles(const Conv2dInt8& op) {
  return conv2d_int8_cpu_has_winograd(op.conv) ? conv2d_int8_cpu_winograd_tiles(op) : conv2d_int8_cpu_direct_tiles(op);
}

void conv2d_int8_cpu(const Conv2dInt8& op, const Memory& memory, int first, int last) {
  conv2d_int8_cpu_has_winograd(op.conv) ? conv2d_int8_cpu_winograd(op, memory, first, last)
                                        : conv2d_int8_cpu_direct(op, memory, first, last);
}

}  // namespace cudet
