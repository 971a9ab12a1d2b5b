// The image that all benchmarks of a network run on. It is drawn by code and always the same, so that results from two
// machines are for the same work.
#pragma once
#include <cstdint>
#include <vector>

#include "runtime/cudet.h"

namespace cudet::bench {

/// 810 x 1080 RGB pixels (width x height): a shaded background with 60 overlapping boxes, discs and patches of bars, as
/// in barcodes, with noise added. Networks find a few objects in it or none. Their amount of computation does not
/// depend on that, and NMS takes a small share of the time either way.
class BenchmarkImage {
 public:
  BenchmarkImage();
  /// Points to the pixels of this object.
  Frame frame() const { return {pixels_.data(), kWidth, kHeight, kWidth * 3, PixelFormat::rgb}; }

 private:
  static constexpr int kWidth = 810, kHeight = 1080;
  std::vector<std::uint8_t> pixels_;  // height, width, 3
};

}  // namespace cudet::bench
