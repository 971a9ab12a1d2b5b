// The description of a step of a Program. Each operator implements this in kernels/NAME/describe.cpp:
//
//   static constexpr const char* kName;           in the struct: its name in tables, shape texts and errors
//   StepInfo describe(const Operator&);
//   void parse_shape(ShapeParser&, Operator&);    inverse of describe(): reads its sizes and attributes
//
// inspect, bench and error messages print it through runtime/step.h.
#pragma once
#include <string>
#include <vector>

#include "kernels/tensor.h"

namespace cudet {

class ShapeParser;  // kernels/shape_text.h

struct StepInfo {
  std::string sizes;       // "1x160x160x16 -> 32": input N x H x W x C, and output sizes that do not follow from it
  std::string attributes;  // "k3x3 s2x2 p1x1 silu", without defaults; may be empty
  std::vector<Tensor> inputs, outputs;  // in the arena; a fused step's intermediate results count as outputs
  /// The arithmetic that the operator needs: 2 per multiply-add; 1 per comparison, exponential or division.
  /// Convolutions count multiply-adds only, as is usual.
  double flops;
  double bytes;  // inputs, weights and outputs, each element read or written once
};

/// The number of elements of a tensor, without padding between pixels.
constexpr double elements(const Tensor& t) {
  return static_cast<double>(t.n) * t.h * t.w * t.c;
}
/// The bytes of these elements.
constexpr double bytes(const Tensor& t) {
  return elements(t) * static_cast<double>(size_of(t.type));
}

}  // namespace cudet
