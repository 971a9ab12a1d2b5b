// The Bottleneck, and what the modules made of Bottlenecks (C2f, C2, C3) share.
#pragma once
#include "layers/conv.h"

namespace cudet {

/// The arguments of Ultralytics' Bottleneck.
struct BottleneckArguments {
  int out, hidden;  // output channels, and channels between the convolutions, unless the weights have others
  bool shortcut = true;
  int groups = 1;  // of the second convolution
  Extent first{3, 3}, second{3, 3};
};

/// Adds two convolutions and, with a shortcut and as many output as input channels, their input. Weights are
/// `name`.cv1.* and `name`.cv2.*.
ValueId bottleneck(LayerContext& context, ValueId x, const std::string& name, const BottleneckArguments& arguments);

/// The arguments of a module made of Bottlenecks.
struct BlockArguments {
  int out, hidden;
  bool shortcut;
  int groups;

  /// The module's Bottlenecks.
  BottleneckArguments inner(Extent first = {3, 3}) const { return {hidden, hidden, shortcut, groups, first}; }
};

/// Reads out, shortcut, g and e = hidden / out. Throws Error if no hidden channels are left.
BlockArguments read_block(LayerContext& context, bool default_shortcut);

}  // namespace cudet
