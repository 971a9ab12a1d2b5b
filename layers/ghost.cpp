#include "layers/ghost.h"

#include <numeric>

namespace cudet {
namespace {

void require_even(int out) {
  if (out % 2 != 0) throw Error("needs an even number of output channels, not " + std::to_string(out));
}

}  // namespace

ValueId ghost_conv(LayerContext& context, ValueId x, const std::string& name, const ConvArguments& arguments) {
  require_even(arguments.out);
  ConvArguments a = arguments;
  a.out = arguments.out / 2;
  const ValueId primary = conv_block(context, x, name + ".cv1", a);
  ConvArguments cheap{.out = a.out, .kernel = {5, 5}, .groups = a.out};
  cheap.activated = a.activated, cheap.activation = a.activation;
  return context.concat({primary, conv_block(context, primary, name + ".cv2", cheap)}, name + ".cat");
}

ValueId ghost_bottleneck(LayerContext& context, ValueId x, const std::string& name, int out, Extent kernel,
                         int stride) {
  require_even(out);
  const int in = context.channels(x), hidden = out / 2;
  const auto depthwise = [&](ValueId from, const std::string& own_name) {
    const int channels = context.channels(from);
    return conv_block(
        context, from, own_name,
        {.out = channels, .kernel = kernel, .stride = {stride, stride}, .groups = channels, .activated = false});
  };
  ValueId y = ghost_conv(context, x, name + ".conv.0", {.out = hidden});
  if (stride == 2) y = depthwise(y, name + ".conv.1");
  y = ghost_conv(context, y, name + ".conv.2", {.out = out, .activated = false});
  if (stride == 2)
    x = conv_block(context, depthwise(x, name + ".shortcut.0"), name + ".shortcut.1", {.out = out, .activated = false});
  else if (in != out)
    throw Error("with stride 1 it needs as many output as input channels: " + std::to_string(in));
  return context.node(AddOp{}, {x, y}, out, name);
}

ValueId ghost_conv_layer(LayerContext& context) {
  context.arguments.bind({"out", "k", "s", "g", "act"});
  ConvArguments a{};
  a.out = context.scaling.channels(context.arguments.integer("out", 1, kMaxChannels));
  a.kernel = context.arguments.extent("k", {1, 1}, 1, 64);
  a.stride = context.arguments.extent("s", {1, 1}, 1, 64);
  a.groups = context.arguments.integer("g", 1, 1, kMaxChannels);
  read_activation(context.arguments, a);
  return ghost_conv(context, context.input(), context.prefix, a);
}

ValueId ghost_bottleneck_layer(LayerContext& context) {
  context.arguments.bind({"out", "k", "s"});
  const int out = context.scaling.channels(context.arguments.integer("out", 1, kMaxChannels));
  return ghost_bottleneck(context, context.input(), context.prefix, out, context.arguments.extent("k", {3, 3}, 1, 64),
                          context.arguments.integer("s", 1, 1, 2));
}

}  // namespace cudet
