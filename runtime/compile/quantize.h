// Quantisation of a network to 8-bit integers, from the value ranges that `convert --int8` measured.
#pragma once
#include <string>
#include <vector>

#include "layers/layer.h"

namespace cudet {

/// Returns the name of the tensor that holds the minimum and maximum of a module's output, after activation and
/// residual.
inline std::string range_name(const std::string& module) {
  return module + ".output_range";
}

/// Returns the name of the tensor that holds one scale per output channel of a weight that is stored in 8 bits.
inline std::string scale_name(const std::string& weight) {
  return weight + "_scale";
}

/// Returns the element type of every value of an optimised graph whose activations are `activations`. Offset maps of
/// DySample and the network's output are always f32; with u8, Detect's inputs are f32 too.
std::vector<Type> value_types(const Graph& graph, Type activations);

/// Returns the names of the convolutions whose output range must be measured before quantize().
std::vector<std::string> measured_modules(const Graph& graph);

/// Throws Error with the module's name if an optimised graph cannot run on 8 bits: an operator has no kernel for them,
/// a value shares the buffer of the network's input, or a convolution's window is too large.
void require_quantizable(const Graph& graph);

/// Fills graph.quantizations of an optimised graph if the weights have ranges. Values that share a buffer (Concat), and
/// the input and output of pooling, upsampling and copying, share one quantisation; the input's is that of 8-bit
/// pixels. Throws Error if some ranges are missing or invalid, or as require_quantizable() does.
void quantize(Graph& graph, const WeightSource& weights);

}  // namespace cudet
