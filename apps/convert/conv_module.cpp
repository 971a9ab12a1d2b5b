#include "apps/convert/conv_module.h"

namespace cudet::convert {

ConvInfo::Pair ConvInfo::same_padding() const {
  const auto half = [](std::int64_t k, std::int64_t d) { return (d * (k - 1) + 1) / 2; };
  return {half(kernel.first, dilation.first), half(kernel.second, dilation.second)};
}

ConvInfo read_conv2d(const TorchModule& module, TorchWeights& weights) {
  module.expect_kind("Conv2d");
  module.expect_children({});
  module.expect_parameters({"weight", "bias"});
  const auto mode = module.attribute("padding_mode");
  if (mode && mode->text() != "zeros") throw module.fault("only padding with zeros is supported");
  const auto pair = [&](const char* name, ConvInfo::Pair minimum) {
    constexpr std::int64_t kMaximum = 1 << 20;
    const auto found = module.pair(name);
    if (!found || found->first < minimum.first || found->second < minimum.second || found->first > kMaximum ||
        found->second > kMaximum)
      throw module.fault(std::string(name) + " is not a valid pair of numbers");
    return *found;
  };
  const std::vector<std::int64_t> shape = weights.take(module, "weight", {0, 0, 0, 0}).shape;
  ConvInfo conv;
  conv.stride = pair("stride", {1, 1});
  conv.padding = pair("padding", {0, 0});
  conv.dilation = pair("dilation", {1, 1});
  conv.groups = module.integer("groups").value_or(0);
  conv.kernel = {shape[2], shape[3]};
  conv.out = shape[0];
  if (conv.groups < 1 || conv.groups > conv.out || conv.out % conv.groups != 0)
    throw module.fault("its channels are not divisible by its groups");
  conv.in = shape[1] * conv.groups;
  conv.biased = module.parameter("bias").has_value();
  if (conv.biased) weights.take(module, "bias", {conv.out});
  return conv;
}

ConvInfo read_conv(const TorchModule& module, TorchWeights& weights) {
  if (module.kind() != "DWConv") module.expect_kind("Conv");
  module.expect_children({"conv", "bn", "act"});
  module.expect_parameters({});
  ConvInfo conv = read_conv2d(module.child("conv"), weights);
  const std::string_view activation = module.child("act").kind();
  if (activation != "SiLU" && activation != "Identity")
    throw module.fault("activation " + std::string(activation) + " is not supported");
  conv.activated = activation == "SiLU";

  const std::optional<TorchModule> bn = module.find("bn");
  if (!bn) {
    if (!conv.biased) throw module.fault("has neither batch norm nor a bias");
    return conv;
  }
  if (conv.biased) throw module.fault("a convolution with a bias before batch norm is not supported");
  bn->expect_kind("BatchNorm2d");
  bn->expect_parameters({"weight", "bias", "running_mean", "running_var", "num_batches_tracked"});
  for (const char* name : {"weight", "bias", "running_mean", "running_var"}) weights.take(*bn, name, {conv.out});
  const auto eps = bn->attribute("eps");
  if (!eps || !eps->number()) throw bn->fault("eps is missing");
  if (weights.bn_eps.value_or(*eps->number()) != *eps->number())
    throw bn->fault("its eps differs from that of the batch norms before it");
  weights.bn_eps = eps->number();
  return conv;
}

ConvInfo read_plain_conv(const TorchModule& module, TorchWeights& weights, std::int64_t k, std::int64_t groups) {
  const ConvInfo conv = read_conv(module, weights);
  const ConvInfo::Pair ones{1, 1};
  if (conv.kernel != ConvInfo::Pair(k, k) || conv.stride != ones || conv.dilation != ones ||
      conv.padding != conv.same_padding() || conv.groups != groups)
    throw module.fault("its kernel, stride, padding, dilation or groups does not match this module");
  return conv;
}

}  // namespace cudet::convert
