#include <algorithm>
#include <cmath>

#include "kernels/letterbox/letterbox.h"

namespace cudet {
namespace {

// Returns `size` · gain, rounded half to even like Python's round(); at least 1.
int scaled(int size, double gain) {
  return std::max(static_cast<int>(std::nearbyint(size * gain)), 1);
}

}  // namespace

LetterboxFit letterbox_fit(int width, int height, Extent limit, Extent input) {
  const double gain = std::min(static_cast<double>(limit.h) / height, static_cast<double>(limit.w) / width);
  const int w = scaled(width, gain), h = scaled(height, gain);
  return {w, h, (input.w - w) / 2, (input.h - h) / 2};
}

LetterboxFit letterbox_fit(int width, int height, Extent input) {
  return letterbox_fit(width, height, input, input);
}

Extent min_input(int width, int height, Extent limit, int stride) {
  const LetterboxFit fit = letterbox_fit(width, height, limit);
  return {(fit.height + stride - 1) / stride * stride, (fit.width + stride - 1) / stride * stride};
}

}  // namespace cudet
