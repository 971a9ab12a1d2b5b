// The operators of a graph. Each struct holds an operator's attributes and computes its output's extent; its node holds
// its inputs. The kernels' contracts (kernels/NAME/NAME.h) define the arithmetic.
#pragma once
#include <span>
#include <variant>

#include "kernels/conv2d/conv2d.h"
#include "kernels/tensor.h"

namespace cudet {

using ParameterId = int;
constexpr int kNone = -1;

/// Rows and columns of an operator's inputs, in the order of the node's inputs.
using InputExtents = std::span<const Extent>;

// Every operator has `Extent output_extent(InputExtents) const`. It throws Error if the inputs do not fit each other or
// the output is too large. A result below 1x1 means that the output has no pixels.

/// Inputs: x and, if `add`, the residual. Weight: K, C/groups, R, S as in PyTorch. Bias: K.
struct ConvOp {
  ParameterId weight, bias = kNone;
  Extent kernel, stride, pad, dilation;
  int groups = 1;
  ActivationFunction activation;
  bool add = false;
  double density = 1;  // fraction of weights that are not zero by construction (below 1 in DySample's style pl)

  Extent output_extent(InputExtents) const;
};
/// Weight: C, K/groups, R, S as in PyTorch. Bias: K.
struct ConvTransposeOp {
  ParameterId weight, bias;
  Extent kernel, stride, pad, output_pad, dilation;
  int groups = 1;

  Extent output_extent(InputExtents) const;
};
/// (x − mean) / sqrt(variance + eps) · gain + bias. Each parameter has one value per channel of x.
struct BatchNormOp {
  ParameterId gain, bias, mean, variance;
  double eps;

  Extent output_extent(InputExtents) const;
};
struct ActivationOp {
  ActivationFunction function;

  Extent output_extent(InputExtents) const;
};
/// Inputs: a and b, of the same shape.
struct AddOp {
  Extent output_extent(InputExtents) const;
};
/// Inputs: one or more. Concatenates their channels.
struct ConcatOp {
  Extent output_extent(InputExtents) const;
};
/// Channels [first, first + the output's channels) of the input.
struct SliceOp {
  int first;

  Extent output_extent(InputExtents) const;
};
struct CopyOp {
  Extent output_extent(InputExtents) const;
};
struct MaxPoolOp {
  int kernel, stride, pad;

  Extent output_extent(InputExtents) const;
};
struct UpsampleOp {
  int scale;

  Extent output_extent(InputExtents) const;
};
struct ResizeBilinearOp {
  int scale;
  bool align_corners;

  Extent output_extent(InputExtents) const;
};
/// Zeros around the input, pixels.
struct PadOp {
  int left, right, top, bottom;

  Extent output_extent(InputExtents) const;
};
/// Inputs: x and the offset map (with dyscope, the scope map follows in the same tensor).
struct DySampleOp {
  int scale, groups;
  bool dyscope;

  Extent output_extent(InputExtents) const;
};
/// Inputs: box and score of level 0, box and score of level 1, …
struct DetectDecodeOp {
  int bins;

  Extent output_extent(InputExtents) const;
};

/// To add an operator, add it here; the compiler then names every place that must handle it (kernels/README.md).
using Operator = std::variant<ConvOp, BatchNormOp, ActivationOp, AddOp, ConcatOp, SliceOp, CopyOp, MaxPoolOp,
                              UpsampleOp, DySampleOp, DetectDecodeOp, PadOp, ResizeBilinearOp, ConvTransposeOp>;

constexpr long long kMaxPixels = 1 << 30;  // per feature map, so that int can count them

}  // namespace cudet
