// Measures the ranges of a network's values on images.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "runtime/cudet.h"

namespace cudet::convert {

struct ValueRange {
  float low, high;
};

/// Runs the model in fp32 on the CPU on each image, as `detect` does. Returns for each convolution whose output is
/// 8-bit in int8, by module, the range with the smallest sum of squared errors over all images; values outside are
/// clipped, values inside are rounded. Throws Error with the path of a file that is not an image, or with the module
/// whose values are not finite. Prints a line on standard error for a damaged image that was decoded.
std::map<std::string, ValueRange> calibrate(const Model& model, const std::vector<std::string>& images);

}  // namespace cudet::convert
