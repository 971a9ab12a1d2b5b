// C3: two 1×1 convolutions of the input, the first of which goes through a chain of bottlenecks; both are concatenated
// and go through another 1×1 convolution. C3Ghost has GhostBottlenecks.
#include "layers/bottleneck.h"
#include "layers/ghost.h"

namespace cudet {
namespace {

ValueId c3(LayerContext& context, bool ghost) {
  context.arguments.bind({"out", "shortcut", "g", "e"});
  const BlockArguments a = read_block(context, true);
  const std::string& name = context.prefix;
  const ValueId x = context.input();

  ValueId last = conv_block(context, x, name + ".cv1", {.out = context.conv_outputs(name + ".cv1", a.hidden)});
  const ValueId rest = conv_block(context, x, name + ".cv2", {.out = context.conv_outputs(name + ".cv2", a.hidden)});
  for (int i = 0; i < context.repeats; ++i) {
    const std::string inner = name + ".m." + std::to_string(i);
    last = ghost ? ghost_bottleneck(context, last, inner, a.hidden, {3, 3}, 1)
                 : bottleneck(context, last, inner, a.inner({1, 1}));
  }
  return conv_block(context, context.concat({last, rest}, name + ".cat"), name + ".cv3", {.out = a.out});
}

}  // namespace

ValueId c3_layer(LayerContext& context) {
  return c3(context, false);
}

ValueId c3_ghost_layer(LayerContext& context) {
  return c3(context, true);
}

}  // namespace cudet
