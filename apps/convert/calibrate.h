// The ranges of a network's values, measured on pictures.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "runtime/cudet.h"

namespace cudet::convert {

struct ValueRange {
  float low, high;
};

/// Runs the model in fp32 on the CPU on each picture, as `detect` does, and returns for each convolution whose result
/// int8 holds in 8 bits, by its module, the range that loses least: what lies beyond is cut off, what lies within is
/// rounded, and the sum of both errors' squares over all pictures is the least. Throws Error with the path of a file
/// that is no picture, or the module whose values are not finite.
std::map<std::string, ValueRange> calibrate(const Model& model, const std::vector<std::string>& pictures);

}  // namespace cudet::convert
