// C2f: a 1×1 convolution; half of its channels go through a chain of bottlenecks; its output and every bottleneck's
// output are concatenated and go through another 1×1 convolution. Pruning tools split the first convolution in two, cv0
// and cv1, so that the halves can have different widths.
#include "layers/bottleneck.h"

namespace cudet {

ValueId c2f_layer(LayerContext& context) {
  context.arguments.bind({"out", "shortcut", "g", "e"});
  const BlockArguments a = read_block(context, false);
  const std::string& name = context.prefix;
  const ValueId x = context.input();

  std::vector<ValueId> parts;
  ValueId last;
  if (const int first = context.conv_outputs(name + ".cv0", 0)) {
    parts.push_back(conv_block(context, x, name + ".cv0", {.out = first}));
    last = conv_block(context, x, name + ".cv1", {.out = context.conv_outputs(name + ".cv1", a.hidden)});
    parts.push_back(last);
  } else {
    const int both = context.conv_outputs(name + ".cv1", 2 * a.hidden);
    if (both % 2 != 0) throw Error("cv1 has an odd number of output channels: " + std::to_string(both));
    parts.push_back(conv_block(context, x, name + ".cv1", {.out = both}));
    last = context.node(SliceOp{both / 2}, parts, both / 2, name + ".chunk");
  }
  for (int i = 0; i < context.repeats; ++i) {
    last = bottleneck(context, last, name + ".m." + std::to_string(i), a.inner());
    parts.push_back(last);
  }
  return conv_block(context, context.concat(parts, name + ".cat"), name + ".cv2", {.out = a.out});
}

}  // namespace cudet
