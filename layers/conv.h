// The Conv block that most modules are made of.
#pragma once
#include <functional>
#include <optional>

#include "layers/layer.h"

namespace cudet {

/// The arguments of Ultralytics' Conv.
struct ConvArguments {
  int out;
  Extent kernel{1, 1}, stride{1, 1};
  Extent pad{kAutomatic, kAutomatic};  // kAutomatic: half of the dilated kernel's size
  int groups = 1;
  Extent dilation{1, 1};
  bool activated = true;                              // by the network's activation (LayerContext::activations)
  std::optional<ActivationFunction> activation = {};  // if the row names one
  /// Returns the weight if it is stored in another shape. Arguments: its name, and the input's channels.
  std::function<Parameter(LayerContext&, const std::string&, int)> stored_weight = {};

  static constexpr int kAutomatic = -1;
};

/// Adds a convolution, its batch norm (unless the weights have it folded into a bias), and its activation. Weights are
/// `name`.conv.* and `name`.bn.*.
ValueId conv_block(LayerContext& context, ValueId x, const std::string& name, const ConvArguments& arguments);

/// Reads a row's argument "act": whether the network's activation is used, or the name of another.
void read_activation(const Arguments& arguments, ConvArguments& conv);

/// Adds a 1×1 convolution with bias and nothing else; weights `name`.weight and `name`.bias.
ValueId pointwise_conv(LayerContext& context, ValueId x, const std::string& name, int out);

}  // namespace cudet
