#include <algorithm>

#include "kernels/detect_decode/detect_decode.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/detect_decode/cpu.cpp"
// clang-format off
#include "hwy/foreach_target.h"  // before all else of Highway
#include "hwy/contrib/math/math-inl.h"
// clang-format on
#include "hwy/highway.h"
#include "kernels/activation-inl.h"

HWY_BEFORE_NAMESPACE();
namespace cudet {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

// e^x for x <= 0; NaN for NaN, for which Highway returns 0.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V exp_or_nan(D d, V x) {
  return hn::IfThenElse(hn::IsNaN(x), x, hn::Exp(d, x));
}

// The mean of a distribution over 0, 1, … given by its logits; NaN if a logit is NaN.
HWY_INLINE float mean(const float* logits, int bins) {
  const hn::CappedTag<float, 8> d;  // YOLOv8 has 16 bins, too few for wider vectors
  const hn::CappedTag<float, 1> single;
  const int lanes = static_cast<int>(hn::Lanes(d)), whole = bins / lanes * lanes;

  auto max_lanes = hn::Set(d, logits[0]);
  for (int b = 0; b < whole; b += lanes) max_lanes = hn::Max(max_lanes, hn::LoadU(d, logits + b));
  float max_logit = hn::GetLane(hn::MaxOfLanes(d, max_lanes));
  for (int b = whole; b < bins; ++b) max_logit = std::max(max_logit, logits[b]);

  auto total_lanes = hn::Zero(d), moment_lanes = hn::Zero(d), bin = hn::Iota(d, 0);
  for (int b = 0; b < whole; b += lanes) {
    const auto e = exp_or_nan(d, hn::Sub(hn::LoadU(d, logits + b), hn::Set(d, max_logit)));
    total_lanes = hn::Add(total_lanes, e);
    moment_lanes = hn::MulAdd(e, bin, moment_lanes);
    bin = hn::Add(bin, hn::Set(d, static_cast<float>(lanes)));
  }
  float total = hn::GetLane(hn::SumOfLanes(d, total_lanes)), moment = hn::GetLane(hn::SumOfLanes(d, moment_lanes));
  for (int b = whole; b < bins; ++b) {
    const float e = hn::GetLane(exp_or_nan(single, hn::Set(single, logits[b] - max_logit)));
    total += e;
    moment += static_cast<float>(b) * e;
  }
  return moment / total;
}

HWY_INLINE void sigmoids(const float* x, int count, float* y) {
  const hn::ScalableTag<float> d;
  const hn::CappedTag<float, 1> single;
  const int lanes = static_cast<int>(hn::Lanes(d));
  int k = 0;
  for (; k + lanes <= count; k += lanes) hn::StoreU(sigmoid(d, hn::LoadU(d, x + k)), d, y + k);
  for (; k < count; ++k) hn::StoreU(sigmoid(single, hn::LoadU(single, x + k)), single, y + k);
}

void decode_rows(const DetectDecode& op, const Memory& memory, int first, int last) {
  for (int tile = first; tile < last; ++tile) {
    const int i = tile / op.rows, row = tile % op.rows;
    int l = op.levels - 1;
    while (row < op.level[l].first_tile) --l;
    const DetectDecode::Level& level = op.level[l];
    const int v = row - level.first_tile;
    for (int u = 0; u < level.box.w; ++u) {
      const float* box = arena_data<float>(memory, level.box) + level.box.pixel(i, v, u);
      const float* score = arena_data<float>(memory, level.score) + level.score.pixel(i, v, u);
      float* y = arena_data<float>(memory, op.y) + op.y.pixel(i, 0, level.first_anchor + v * level.box.w + u);
      float d[4];
      for (int side = 0; side < 4; ++side) d[side] = mean(box + side * op.bins, op.bins);
      y[0] = level.stride_x * (static_cast<float>(u) + 0.5f + (d[2] - d[0]) / 2);
      y[1] = level.stride_y * (static_cast<float>(v) + 0.5f + (d[3] - d[1]) / 2);
      y[2] = level.stride_x * (d[0] + d[2]);
      y[3] = level.stride_y * (d[1] + d[3]);
      sigmoids(score, level.score.c, y + 4);
    }
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace cudet
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cudet {

HWY_EXPORT(decode_rows);

void detect_decode_cpu(const DetectDecode& op, const Memory& memory, int first, int last) {
  HWY_DYNAMIC_DISPATCH(decode_rows)(op, memory, first, last);
}

}  // namespace cudet
#endif
