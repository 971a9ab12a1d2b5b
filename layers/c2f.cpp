// C2f: a 1×1 convolution; half of its channels go through a chain of bottlenecks; its output and every bottleneck's
// output are concatenated and go through another 1×1 convolution.
#include "layers/conv.h"

namespace cudet {

ValueId c2f_layer(LayerContext& context) {
  context.arguments.bind({"out", "shortcut", "g", "e"});
  const int out = context.scaling.channels(context.arguments.integer("out", 1, kMaxChannels));
  const bool shortcut = context.arguments.boolean("shortcut", false);
  const int groups = context.arguments.integer("g", 1, 1, kMaxChannels);
  const int hidden = static_cast<int>(out * context.arguments.number("e", 0.5, 0, 2));
  if (hidden < 1) throw Error("e leaves no channels of " + std::to_string(out));
  if (static_cast<long long>(2 + context.repeats) * hidden > kMaxChannels) throw Error("too many channels to join");
  const std::string& name = context.prefix;

  const ValueId both = conv_block(context, context.input(), name + ".cv1", {.out = 2 * hidden});
  ValueId last = context.node(SliceOp{hidden}, {both}, hidden, name + ".chunk");
  std::vector<ValueId> parts{both};
  for (int i = 0; i < context.repeats; ++i) {
    const std::string bottleneck = name + ".m." + std::to_string(i);
    const ValueId inner = conv_block(context, last, bottleneck + ".cv1", {.out = hidden, .kernel = {3, 3}});
    const ValueId outer =
        conv_block(context, inner, bottleneck + ".cv2", {.out = hidden, .kernel = {3, 3}, .groups = groups});
    last = shortcut ? context.node(AddOp{}, {last, outer}, hidden, bottleneck) : outer;
    parts.push_back(last);
  }
  const ValueId joined = context.node(ConcatOp{}, parts, (2 + context.repeats) * hidden, name + ".cat");
  return conv_block(context, joined, name + ".cv2", {.out = out});
}

}  // namespace cudet
