// The picture that is measured with: drawn, always the same, so that results of two machines are of the same work.
#pragma once
#include <cstdint>
#include <vector>

#include "runtime/cudet.h"

namespace cudet::bench {

/// 810 x 1080 pixels, RGB: a shaded ground with some sixty overlapping boxes, discs and patches of bars (as of
/// barcodes) under noise. Networks find a handful of objects in it, or none: what they compute does not depend on that,
/// and NMS takes a small share of the time either way.
class Picture {
 public:
  Picture();
  /// Valid as long as the picture lives.
  Frame frame() const { return {pixels_.data(), kWidth, kHeight, kWidth * 3, PixelFormat::rgb}; }

 private:
  static constexpr int kWidth = 810, kHeight = 1080;
  std::vector<std::uint8_t> pixels_;  // height, width, 3
};

}  // namespace cudet::bench
