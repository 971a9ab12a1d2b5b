// Operators at shapes, as one line of text each: what `bench --op` reads, `inspect --shapes` writes and tables show.
//
//   conv2d 1x160x160x16 -> 32 k3x3 s2x2 p1x1 silu
//
// is an operator, the input's N x H x W x C, and what else the operator needs; the grammar is in parse_shape.cpp.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "runtime/program.h"

namespace cudet {

/// "conv2d": the folder under kernels/; of fused steps "max_pool_chain", "conv_dysample".
std::string op_of(const Step& step);
/// The rest of the line.
std::string shape_of(const Step& step);

/// A step of this operator and shape, f32, its tensors one after the other in the arena and in the weights, with
/// pitch = c. A convolution's weight has room for the packed weights of each of the CPU's kernels, too. Throws Error
/// that says what is wrong with the text, or that the tensors take more than kMostShapeBytes.
Step parse_step(std::string_view op, std::string_view shape);
constexpr double kMostShapeBytes = 4e9;

/// The steps of a file of lines "OP SHAPE": of this operator alone, unless `op` is empty. Blank lines, and all that
/// follows a '#', do not count. Throws Error with the number of the line; where there is no step, too.
std::vector<Step> read_steps(const std::string& path, std::string_view op);

}  // namespace cudet
