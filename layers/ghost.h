// GhostNet's modules (arXiv 1911.11907).
#pragma once
#include "layers/conv.h"

namespace cudet {

/// Adds a GhostConv: a convolution gives half of the output's channels, a depthwise 5×5 convolution of them the other
/// half. Weights are `name`.cv1.* and `name`.cv2.*. The padding of `arguments` is automatic.
ValueId ghost_conv(LayerContext& context, ValueId x, const std::string& name, const ConvArguments& arguments);

/// Adds a GhostBottleneck: two GhostConvs, with stride 2 a depthwise convolution between them, and the input, with
/// stride 2 through two convolutions. Weights are `name`.conv.* and `name`.shortcut.*.
ValueId ghost_bottleneck(LayerContext& context, ValueId x, const std::string& name, int out, Extent kernel, int stride);

}  // namespace cudet
