// The image that all benchmarks of a network run on. It is drawn by code and always the same, so that results from two
// machines are for the same work.
#pragma once
#include <cstdint>
#include <vector>

#include "runtime/cudet.h"

namespace cudet::bench {

/// 810 x 1080 pixels (width x height): a shaded background with 60 overlapping boxes, discs and patches of bars, as
/// in barcodes, with noise added. Networks find a few objects in it or none. Their amount of computation does not
/// depend on that, and NMS takes a small share of the time either way.
class BenchmarkImage {
 public:
  /// channels: 3 for RGB, or another number as the network has.
  explicit BenchmarkImage(int channels);
  /// Points to the pixels of this object.
  Frame frame() const;

 private:
  static constexpr int kWidth = 810, kHeight = 1080;
  int channels_;
  std::vector<std::uint8_t> pixels_;  // height, width, channels
};

}  // namespace cudet::bench
