#include <algorithm>
#include <cmath>

#include "kernels/detect_decode/detect_decode.h"

namespace cudet {
namespace {

// The mean of a distribution over 0, 1, … given by its logits; NaN if a logit is NaN.
double mean(const float* logits, int bins) {
  const double max_logit = *std::max_element(logits, logits + bins);  // so that no exponential overflows
  double total = 0, moment = 0;
  for (int b = 0; b < bins; ++b) {
    const double e = std::exp(logits[b] - max_logit);
    total += e;
    moment += b * e;
  }
  return moment / total;
}

}  // namespace

void run_reference(const DetectDecode& op, const Memory& memory) {
  for (int i = 0; i < op.y.n; ++i)
    for (int l = 0; l < op.levels; ++l) {
      const DetectDecode::Level& level = op.level[l];
      for (int v = 0; v < level.box.h; ++v)
        for (int u = 0; u < level.box.w; ++u) {
          const float* box = arena_data<float>(memory, level.box) + level.box.pixel(i, v, u);
          const float* score = arena_data<float>(memory, level.score) + level.score.pixel(i, v, u);
          float* y = arena_data<float>(memory, op.y) + op.y.pixel(i, 0, level.first_anchor + v * level.box.w + u);
          double d[4];
          for (int side = 0; side < 4; ++side) d[side] = mean(box + side * op.bins, op.bins);
          y[0] = static_cast<float>(level.stride_x * (u + 0.5 + (d[2] - d[0]) / 2));
          y[1] = static_cast<float>(level.stride_y * (v + 0.5 + (d[3] - d[1]) / 2));
          y[2] = static_cast<float>(level.stride_x * (d[0] + d[2]));
          y[3] = static_cast<float>(level.stride_y * (d[1] + d[3]));
          for (int k = 0; k < level.score.c; ++k)
            y[4 + k] = static_cast<float>(1 / (1 + std::exp(-static_cast<double>(score[k]))));
        }
    }
}

}  // namespace cudet
