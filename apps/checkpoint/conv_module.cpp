#include "apps/checkpoint/conv_module.h"

#include <algorithm>

#include "apps/checkpoint/activation.h"

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
  if (!weights.input_channels) weights.input_channels = conv.in;
  conv.biased = weights.has(module, "bias");
  if (conv.biased) weights.take(module, "bias", {conv.out});
  return conv;
}

ConvInfo read_conv(const TorchModule& module, TorchWeights& weights, bool activated) {
  if (module.kind() != "DWConv") module.expect_kind("Conv");
  module.expect_children({"conv", "bn", "act"});
  module.expect_parameters({});
  ConvInfo conv = read_conv2d(module.child("conv"), weights);
  conv.activated = activated;
  weights.activations.push_back({module.name(), activated, read_activation(module.child("act"))});

  const std::optional<TorchModule> bn = module.find("bn");
  if (!bn) {
    if (!conv.biased) throw module.fault("has neither batch norm nor a bias");
    return conv;
  }
  if (bn->kind() != "SyncBatchNorm") bn->expect_kind("BatchNorm2d");
  bn->expect_parameters({"weight", "bias", "running_mean", "running_var", "num_batches_tracked"});
  for (const char* name : {"weight", "bias", "running_mean"}) weights.take(*bn, name, {conv.out});
  const std::vector<float> variances = weights.take(*bn, "running_var", {conv.out}).to_f32();
  if (std::any_of(variances.begin(), variances.end(), [](float v) { return v < 0; }))
    throw bn->fault("running_var contains a negative variance");
  const auto eps = bn->attribute("eps");
  if (!eps || !eps->number() || !(*eps->number() >= 0 && *eps->number() < 1)) throw bn->fault("eps is not from 0 to 1");
  if (*eps->number() == 0 && std::find(variances.begin(), variances.end(), 0.0f) != variances.end())
    throw bn->fault("eps and a variance are 0");
  weights.bn_eps[bn->name() + ".running_var"] = *eps->number();
  return conv;
}

bool has_activation(const TorchModule& conv) {
  return conv.child("act").kind() != "Identity";
}

ConvInfo read_plain_conv(const TorchModule& module, TorchWeights& weights, std::int64_t k, std::int64_t groups,
                         bool activated) {
  const ConvInfo conv = read_conv(module, weights, activated);
  const ConvInfo::Pair ones{1, 1};
  if (conv.kernel != ConvInfo::Pair(k, k) || conv.stride != ones || conv.dilation != ones ||
      conv.padding != conv.same_padding() || conv.groups != groups)
    throw module.fault("its kernel, stride, padding, dilation or groups does not match this module");
  return conv;
}

}  // namespace cudet::convert
