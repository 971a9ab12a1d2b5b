#include "layers/bottleneck.h"

namespace cudet {

ValueId bottleneck(LayerContext& context, ValueId x, const std::string& name, const BottleneckArguments& a) {
  const int hidden = context.conv_outputs(name + ".cv1", a.hidden), out = context.conv_outputs(name + ".cv2", a.out);
  const ValueId inner = conv_block(context, x, name + ".cv1", {.out = hidden, .kernel = a.first});
  const ValueId outer = conv_block(context, inner, name + ".cv2", {.out = out, .kernel = a.second, .groups = a.groups});
  return a.shortcut && context.channels(x) == out ? context.node(AddOp{}, {x, outer}, out, name) : outer;
}

BlockArguments read_block(LayerContext& context, bool default_shortcut) {
  BlockArguments a{};
  a.out = context.scaling.channels(context.arguments.integer("out", 1, kMaxChannels));
  a.shortcut = context.arguments.boolean("shortcut", default_shortcut);
  a.groups = context.arguments.integer("g", 1, 1, kMaxChannels);
  a.hidden = static_cast<int>(a.out * context.arguments.number("e", 0.5, 0, kMaxChannels));
  if (a.hidden < 1) throw Error("e leaves no channels of " + std::to_string(a.out));
  return a;
}

ValueId bottleneck_layer(LayerContext& context) {
  context.arguments.bind({"out", "shortcut", "g", "k", "e"});
  const BlockArguments a = read_block(context, true);
  BottleneckArguments one{a.out, a.hidden, a.shortcut, a.groups};
  one.first = one.second = context.arguments.extent("k", {3, 3}, 1, 64);
  if (context.arguments.given("k") && one.first.h != one.first.w) {  // a pair: one size per convolution
    one.second = {one.first.w, one.first.w};
    one.first.w = one.first.h;
  }
  return bottleneck(context, context.input(), context.prefix, one);
}

}  // namespace cudet
