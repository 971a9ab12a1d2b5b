// SPP: spatial pyramid pooling. The input and max poolings of different sizes are concatenated between two 1×1
// convolutions.
#include "layers/conv.h"

namespace cudet {

ValueId spp_layer(LayerContext& context) {
  context.arguments.bind({"out", "k"});
  const ValueId x = context.input();
  const int out = context.scaling.channels(context.arguments.integer("out", 1, kMaxChannels));
  const std::string& name = context.prefix;
  const int hidden = context.conv_outputs(name + ".cv1", context.channels(x) / 2);
  if (hidden < 1) throw Error("needs at least 2 input channels");
  std::vector<int> kernels = context.arguments.integers("k", 1, 63);
  if (kernels.empty()) kernels = {5, 9, 13};

  std::vector<ValueId> parts{conv_block(context, x, name + ".cv1", {.out = hidden})};
  for (const int kernel : kernels) {
    if (kernel % 2 == 0) throw Error("k has " + std::to_string(kernel) + ": odd kernels are needed to keep the size");
    parts.push_back(context.node(MaxPoolOp{kernel, 1, kernel / 2}, {parts.front()}, hidden, name + ".m"));
  }
  return conv_block(context, context.concat(parts, name + ".cat"), name + ".cv2", {.out = out});
}

}  // namespace cudet
