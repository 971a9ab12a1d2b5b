// Weights in the order in which the CPU's kernels read them. Compiled once for each instruction set (Highway), picked
// at run time; all make the same of them.
#include <algorithm>
#include <cstddef>

#include "kernels/conv2d/cpu_tiling.h"

// SVE's vectors cannot be in arrays: NEON serves those machines.
#undef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/conv2d/cpu_pack.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace cudet {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

constexpr hn::CappedTag<double, kConv2dBlock> kDoubles;
constexpr hn::Rebind<float, decltype(kDoubles)> kSingles;
using Doubles = hn::Vec<decltype(kDoubles)>;

// G g of one column or row, each product rounded by itself, so that no instruction set differs.
template <int kStride>
HWY_INLINE void transform(Doubles g0, Doubles g1, Doubles g2, Doubles (&to)[kWinogradSide]) {
  const auto times = [](Doubles g, double factor) HWY_ATTR { return hn::Mul(g, hn::Set(kDoubles, factor)); };
  if constexpr (kStride == 1) {
    const Doubles even = times(hn::Add(g0, g2), -1 / 6.0), odd = times(g1, 1 / 6.0);
    const Doubles even2 = hn::Add(times(g0, 1 / 24.0), times(g2, 1 / 6.0)), odd2 = times(g1, 1 / 12.0);
    to[0] = hn::Sub(even, odd);
    to[1] = hn::Add(even, odd);
    to[2] = hn::Add(even2, odd2);
    to[3] = hn::Sub(even2, odd2);
    to[4] = times(g0, 1 / 4.0);
    to[5] = g2;
  } else {
    to[0] = times(hn::Add(g0, g2), -1 / 2.0);
    to[1] = times(hn::Sub(g0, g2), -1 / 6.0);
    to[2] = times(hn::Add(g0, hn::Add(g2, g2)), 1 / 6.0);
    to[3] = times(g0, 1 / 2.0);
    to[4] = g2;
    to[5] = g1;
  }
}

// U = G g Gᵀ of a block's lanes and `count` input channels. `taps`: 9, count, lane; `to`: 36, C, lane.
template <int kStride>
void transform_taps_of(const float* taps, std::size_t count, float* to, std::size_t point) {
  const std::size_t lanes = hn::Lanes(kDoubles);
  for (std::size_t c = 0; c < count; ++c, taps += kConv2dBlock, to += kConv2dBlock) {
    float points[kWinogradWeights][kConv2dBlock];  // whole lines go to `to`, whose points share sets of the cache
    for (std::size_t lane = 0; lane < kConv2dBlock; lane += lanes) {
      Doubles half[3][kWinogradSide];  // G g, by column
      for (std::size_t s = 0; s < 3; ++s) {
        const auto tap = [&](std::size_t r) HWY_ATTR {
          return hn::PromoteTo(kDoubles, hn::LoadU(kSingles, taps + (r * 3 + s) * count * kConv2dBlock + lane));
        };
        transform<kStride>(tap(0), tap(1), tap(2), half[s]);
      }
      for (std::size_t i = 0; i < kWinogradSide; ++i) {
        Doubles row[kWinogradSide];
        transform<kStride>(half[0][i], half[1][i], half[2][i], row);
        for (std::size_t j = 0; j < kWinogradSide; ++j)
          hn::StoreU(hn::DemoteTo(kSingles, row[j]), kSingles, points[i * kWinogradSide + j] + lane);
      }
    }
    for (std::size_t p = 0; p < kWinogradWeights; ++p) std::copy_n(points[p], kConv2dBlock, to + p * point);
  }
}

void transform_taps(int stride, const float* taps, std::size_t count, float* to, std::size_t point) {
  stride == 1 ? transform_taps_of<1>(taps, count, to, point) : transform_taps_of<2>(taps, count, to, point);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace cudet
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cudet {

HWY_EXPORT(transform_taps);

namespace {

/// to(e, lane) = rows(lane, e) of the `used` first lanes, zeros beyond.
void transpose(const float* rows, std::size_t stride, int used, std::size_t count, float* to) {
  constexpr std::size_t kRun = 16;  // of a row: a line of the cache, and as many lines of `to`
  std::fill_n(to, used < kConv2dBlock ? count * kConv2dBlock : 0, 0.0f);
  for (std::size_t first = 0; first < count; first += kRun)
    for (int lane = 0; lane < used; ++lane)
      for (std::size_t e = first; e < std::min(first + kRun, count); ++e)
        to[e * kConv2dBlock + static_cast<std::size_t>(lane)] = rows[static_cast<std::size_t>(lane) * stride + e];
}

}  // namespace

std::size_t conv2d_cpu_direct_floats(const Conv2d& op) {
  const Conv2dBlocks blocks(op);
  return static_cast<std::size_t>(blocks.count) * blocks.floats;
}

void conv2d_cpu_direct_pack(const Conv2d& op, const float* weight, float* packed) {
  const Conv2dBlocks blocks(op);
  const int k_of_group = op.y.c / op.groups;
  const std::size_t depth = static_cast<std::size_t>(blocks.depth);
  for (int block = 0; block < blocks.count; ++block, packed += blocks.floats) {
    const int first = block % blocks.of_group * kConv2dBlock;
    const int k = block / blocks.of_group * k_of_group + first;
    transpose(weight + static_cast<std::size_t>(k) * depth, depth, std::min(kConv2dBlock, k_of_group - first), depth,
              packed);
  }
}

std::size_t conv2d_cpu_winograd_floats(const Conv2d& op) {
  return conv2d_cpu_direct_floats(op) / 9 * kWinogradWeights;
}

void conv2d_cpu_winograd_pack(const Conv2d& op, const float* weight, float* packed) {
  constexpr std::size_t kChannels = kWinogradChannels, kTap = kChannels * kConv2dBlock;
  const std::size_t c_count = static_cast<std::size_t>(op.x.c), depth = 9 * c_count, point = c_count * kConv2dBlock;
  for (int k = 0; k < op.y.c; k += kConv2dBlock, packed += kWinogradWeights * point)
    for (std::size_t c = 0; c < c_count; c += kChannels) {
      float taps[9 * kTap];
      for (std::size_t t = 0; t < 9; ++t)
        transpose(weight + static_cast<std::size_t>(k) * depth + t * c_count + c, depth,
                  std::min(kConv2dBlock, op.y.c - k), kChannels, taps + t * kTap);
      HWY_DYNAMIC_DISPATCH(transform_taps)(op.stride.h, taps, kChannels, packed + c * kConv2dBlock, point);
    }
}

}  // namespace cudet
#endif
