// What a network needs to run on 8-bit integers: the range of every value, as `convert --int8` measured it.
#pragma once
#include <string>

#include "layers/layer.h"

namespace cudet {

/// The tensor, two floats, that holds the least and the largest of what the convolution of this module makes, after
/// activation and residual.
inline std::string range_name(const std::string& module) {
  return module + ".output_range";
}

/// The tensor that holds the scale of each output channel of a weight that is stored in 8 bits.
inline std::string scale_name(const std::string& weight) {
  return weight + "_scale";
}

/// Of every value whether an executor on 8 bits holds it so: not the output, what Detect reads, nor offset maps.
std::vector<bool> find_quantized(const Graph& graph);

/// Throws Error, naming the module at fault, where an optimised graph cannot run on 8 bits: something shares the
/// picture's buffer, or a convolution's window is too large.
void require_quantizable(const Graph& graph);

/// Fills graph.quantizations of an optimised graph where the weights have ranges, else leaves it empty. Values of one
/// buffer (Concat), and those on both sides of a pooling, an upsampling or a copy, share a quantisation; the picture's
/// is that of its 8 bits. Throws Error where some ranges are missing or none, or as require_quantizable().
void quantize(Graph& graph, const WeightSource& weights);

}  // namespace cudet
