// The Conv block that most modules are made of.
#pragma once
#include "layers/layer.h"

namespace cudet {

/// The arguments of Ultralytics' Conv.
struct ConvArguments {
  int out;
  Extent kernel{1, 1}, stride{1, 1};
  Extent pad{kAutomatic, kAutomatic};  // kAutomatic: half of the dilated kernel's size
  int groups = 1;
  Extent dilation{1, 1};
  bool activated = true;

  static constexpr int kAutomatic = -1;
};

/// Adds a convolution, its batch norm (unless the weights have it folded into a bias), and SiLU if `activated`. Weights
/// are `name`.conv.* and `name`.bn.*.
ValueId conv_block(LayerContext& context, ValueId x, const std::string& name, const ConvArguments& arguments);

/// Adds a 1×1 convolution with bias and nothing else; weights `name`.weight and `name`.bias.
ValueId pointwise_conv(LayerContext& context, ValueId x, const std::string& name, int out);

}  // namespace cudet
