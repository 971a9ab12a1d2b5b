// C2: a 1×1 convolution; the first half of its channels goes through a chain of bottlenecks; both halves are
// concatenated and go through another 1×1 convolution.
#include "layers/bottleneck.h"

namespace cudet {

ValueId c2_layer(LayerContext& context) {
  context.arguments.bind({"out", "shortcut", "g", "e"});
  const BlockArguments a = read_block(context, true);
  const std::string& name = context.prefix;

  const int both = context.conv_outputs(name + ".cv1", 2 * a.hidden), half = both / 2;
  if (both % 2 != 0) throw Error("cv1 has an odd number of output channels: " + std::to_string(both));
  const ValueId x = conv_block(context, context.input(), name + ".cv1", {.out = both});
  ValueId last = context.node(SliceOp{0}, {x}, half, name + ".chunk.0");
  const ValueId rest = context.node(SliceOp{half}, {x}, half, name + ".chunk.1");
  for (int i = 0; i < context.repeats; ++i)
    last = bottleneck(context, last, name + ".m." + std::to_string(i), a.inner());
  return conv_block(context, context.concat({last, rest}, name + ".cat"), name + ".cv2", {.out = a.out});
}

}  // namespace cudet
