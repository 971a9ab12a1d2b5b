#include "layers/conv.h"

#include <algorithm>
#include <numeric>

namespace cudet {
namespace {

int automatic_pad(int kernel, int dilation) {
  return (dilation * (kernel - 1) + 1) / 2;
}

void require_divides(int groups, int channels, const char* which) {
  if (channels % groups != 0)
    throw Error("groups " + std::to_string(groups) + " does not divide " + std::to_string(channels) + " " + which +
                " channels");
}

/// Reads the variances of a batch norm. Throws Error if one of them is negative.
class Variances {
 public:
  Variances(std::string name, Values values) : name_(std::move(name)), values_(std::move(values)) {}
  void operator()(std::span<float> out) const {
    values_(out);
    if (std::any_of(out.begin(), out.end(), [](float v) { return v < 0; }))
      throw Error(name_ + " contains a negative variance");
  }

 private:
  std::string name_;
  Values values_;
};

}  // namespace

ValueId conv_block(LayerContext& context, ValueId x, const std::string& name, const ConvArguments& a) {
  const int in = context.channels(x);
  require_divides(a.groups, in, "input");
  require_divides(a.groups, a.out, "output");
  ConvOp op{};
  op.kernel = a.kernel;
  op.stride = a.stride;
  op.dilation = a.dilation;
  op.groups = a.groups;
  op.pad = {a.pad.h == ConvArguments::kAutomatic ? automatic_pad(a.kernel.h, a.dilation.h) : a.pad.h,
            a.pad.w == ConvArguments::kAutomatic ? automatic_pad(a.kernel.w, a.dilation.w) : a.pad.w};
  const std::string weight = name + ".conv.weight";
  op.weight = a.stored_weight ? context.graph.add_parameter(a.stored_weight(context, weight, in))
                              : context.parameter(weight, {a.out, in / a.groups, a.kernel.h, a.kernel.w});
  const bool biased = context.weights.has(name + ".conv.bias");
  if (biased) op.bias = context.parameter(name + ".conv.bias", {a.out});
  ValueId y = context.node(op, {x}, a.out, name);
  if (!biased || context.weights.has(name + ".bn.weight")) {
    BatchNormOp norm{};
    norm.eps = context.bn_eps;
    norm.gain = context.parameter(name + ".bn.weight", {a.out});
    norm.bias = context.parameter(name + ".bn.bias", {a.out});
    // Statistics are buffers, not parameters, so they are not counted.
    norm.mean = context.graph.add_parameter({{a.out}, context.weights.values(name + ".bn.running_mean", {a.out})});
    Parameter variance{{a.out}, context.weights.values(name + ".bn.running_var", {a.out})};
    if (variance.values) variance.values = Variances(name + ".bn.running_var", std::move(variance.values));
    norm.variance = context.graph.add_parameter(std::move(variance));
    y = context.node(norm, {y}, a.out, name);
  }
  context.graph.convs.insert(name);
  const ActivationFunction activation = a.activation ? *a.activation : context.activations.find(name, a.activated);
  return activation.kind == Activation::none ? y : context.node(ActivationOp{activation}, {y}, a.out, name);
}

void read_activation(const Arguments& arguments, ConvArguments& a) {
  if (arguments.is_string("act"))
    a.activation = parse_function(arguments.string("act", ""));
  else
    a.activated = arguments.boolean("act", true);
}

ValueId pointwise_conv(LayerContext& context, ValueId x, const std::string& name, int out) {
  ConvOp op{};
  op.kernel = op.stride = op.dilation = {1, 1};
  op.weight = context.parameter(name + ".weight", {out, context.channels(x), 1, 1});
  op.bias = context.parameter(name + ".bias", {out});
  return context.node(op, {x}, out, name);
}

ValueId conv_layer(LayerContext& context) {
  const Arguments& arguments = context.arguments;
  context.arguments.bind({"out", "k", "s", "p", "g", "d", "act"});
  constexpr Extent kAutomatic{ConvArguments::kAutomatic, ConvArguments::kAutomatic};
  ConvArguments a{};
  a.out = context.scaling.channels(arguments.integer("out", 1, kMaxChannels));
  a.kernel = arguments.extent("k", {1, 1}, 1, 64);
  a.stride = arguments.extent("s", {1, 1}, 1, 64);
  a.pad = arguments.extent("p", kAutomatic, 0, 256);
  a.groups = arguments.integer("g", 1, 1, kMaxChannels);
  a.dilation = arguments.extent("d", {1, 1}, 1, 64);
  read_activation(arguments, a);
  return conv_block(context, context.input(), context.prefix, a);
}

ValueId dw_conv_layer(LayerContext& context) {
  context.arguments.bind({"out", "k", "s", "d", "act"});
  const ValueId x = context.input();
  ConvArguments a{};
  a.out = context.scaling.channels(context.arguments.integer("out", 1, kMaxChannels));
  a.kernel = context.arguments.extent("k", {1, 1}, 1, 64);
  a.stride = context.arguments.extent("s", {1, 1}, 1, 64);
  a.dilation = context.arguments.extent("d", {1, 1}, 1, 64);
  a.groups = std::gcd(context.channels(x), a.out);
  read_activation(context.arguments, a);
  return conv_block(context, x, context.prefix, a);
}

}  // namespace cudet
