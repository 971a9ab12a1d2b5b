// SPPF: spatial pyramid pooling as a chain of equal max poolings.
#include "layers/conv.h"

namespace cudet {

ValueId sppf_layer(LayerContext& context) {
  context.arguments.bind({"out", "k", "n", "shortcut", "cv1_act"});
  const ValueId x = context.input();
  const int in = context.channels(x), hidden = context.conv_outputs(context.prefix + ".cv1", in / 2);
  const int out = context.scaling.channels(context.arguments.integer("out", 1, kMaxChannels));
  const int kernel = context.arguments.integer("k", 5, 1, 63);
  const int poolings = context.arguments.integer("n", 3, 1, 16);
  const bool shortcut = context.arguments.boolean("shortcut", false) && in == out;
  const bool activated = context.arguments.boolean("cv1_act", true);
  if (kernel % 2 == 0) throw Error("k is " + std::to_string(kernel) + ": an odd kernel is needed to keep the size");
  if (hidden < 1) throw Error("needs at least 2 input channels");
  const std::string& name = context.prefix;

  std::vector<ValueId> parts{conv_block(context, x, name + ".cv1", {.out = hidden, .activated = activated})};
  for (int i = 0; i < poolings; ++i)
    parts.push_back(context.node(MaxPoolOp{kernel, 1, kernel / 2}, {parts.back()}, hidden, name + ".m"));
  const ValueId y = conv_block(context, context.concat(parts, name + ".cat"), name + ".cv2", {.out = out});
  return shortcut ? context.node(AddOp{}, {y, x}, out, name) : y;
}

}  // namespace cudet
