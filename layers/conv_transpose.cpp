// ConvTranspose2d: the module of PyTorch, without batch norm or activation.
#include <algorithm>

#include "layers/layer.h"

namespace cudet {
namespace {

/// The bias of a module without one.
Values zeros() {
  return [](std::span<float> out) { std::fill(out.begin(), out.end(), 0.0f); };
}

}  // namespace

ValueId conv_transpose_layer(LayerContext& context) {
  const Arguments& arguments = context.arguments;
  context.arguments.bind({"out", "k", "s", "p", "output_padding", "groups", "bias", "dilation"});
  const ValueId x = context.input();
  const int in = context.channels(x), out = context.scaling.channels(arguments.integer("out", 1, kMaxChannels));
  if (!arguments.given("k")) throw Error("k is missing");
  ConvTransposeOp op{};
  op.kernel = arguments.extent("k", {1, 1}, 1, 64);
  op.stride = arguments.extent("s", {1, 1}, 1, 64);
  op.pad = arguments.extent("p", {0, 0}, 0, 256);
  op.output_pad = arguments.extent("output_padding", {0, 0}, 0, 63);
  op.groups = arguments.integer("groups", 1, 1, kMaxChannels);
  op.dilation = arguments.extent("dilation", {1, 1}, 1, 64);
  if (op.output_pad.h >= std::max(op.stride.h, op.dilation.h) ||
      op.output_pad.w >= std::max(op.stride.w, op.dilation.w))
    throw Error("output_padding must be smaller than s or dilation");
  if (in % op.groups != 0 || out % op.groups != 0)
    throw Error("groups " + std::to_string(op.groups) + " does not divide " + std::to_string(in) + " input and " +
                std::to_string(out) + " output channels");
  op.weight = context.parameter(context.prefix + ".weight", {in, out / op.groups, op.kernel.h, op.kernel.w});
  op.bias = arguments.boolean("bias", true) ? context.parameter(context.prefix + ".bias", {out})
                                            : context.graph.add_parameter({{out}, zeros()});
  return context.node(op, {x}, out, context.prefix);
}

}  // namespace cudet
