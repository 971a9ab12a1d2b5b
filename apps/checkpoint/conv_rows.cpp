#include "apps/checkpoint/rows.h"

namespace cudet::convert {
namespace {

/// The arguments of a Conv that its row can have.
Json::Array arguments(const ConvInfo& conv) {
  Json::Object named;
  if (conv.padding != conv.same_padding()) named.emplace_back("p", extent(conv.padding));
  if (conv.groups != 1) named.emplace_back("g", conv.groups);
  if (conv.dilation != ConvInfo::Pair(1, 1)) named.emplace_back("d", extent(conv.dilation));
  if (!conv.activated) named.emplace_back("act", false);
  return with_named({conv.out, extent(conv.kernel), extent(conv.stride)}, named);
}

/// Reads a GhostConv. Returns its first convolution, with the output channels of the module.
ConvInfo read_ghost_conv(const TorchModule& module, TorchWeights& weights, bool activated) {
  module.expect_kind("GhostConv");
  module.expect_children({"cv1", "cv2"});
  module.expect_parameters({});
  const TorchModule first = module.child("cv1"), second = module.child("cv2");
  ConvInfo primary = read_conv(first, weights, activated);
  const ConvInfo cheap = read_conv(second, weights, activated);
  if (primary.dilation != ConvInfo::Pair(1, 1) || primary.padding != primary.same_padding())
    throw first.fault("its dilation or padding does not match this module");
  if (cheap.kernel != ConvInfo::Pair(5, 5) || cheap.stride != ConvInfo::Pair(1, 1) || cheap.groups != primary.out ||
      cheap.out != primary.out || cheap.padding != cheap.same_padding() || cheap.dilation != ConvInfo::Pair(1, 1))
    throw second.fault("is not a depthwise 5×5 convolution of cv1's output");
  primary.out *= 2;
  return primary;
}

/// Reads a depthwise Conv without activation.
ConvInfo read_depthwise(const TorchModule& module, TorchWeights& weights) {
  const ConvInfo conv = read_conv(module, weights, false);
  if (conv.groups != conv.in || conv.out != conv.in || conv.padding != conv.same_padding() ||
      conv.dilation != ConvInfo::Pair(1, 1))
    throw module.fault("is not a depthwise convolution as GhostBottleneck has it");
  return conv;
}

}  // namespace

Json extent(ConvInfo::Pair pair) {
  return pair.first == pair.second ? Json(pair.first) : Json::Array{pair.first, pair.second};
}

Json::Array with_named(Json::Array positional, Json::Object named) {
  if (!named.empty()) positional.push_back(std::move(named));
  return positional;
}

ModelRow conv_row(const TorchModule& module, TorchWeights& weights) {
  return {{}, 1, "Conv", arguments(read_conv(module, weights, has_activation(module)))};
}

ModelRow ghost_conv_row(const TorchModule& module, TorchWeights& weights) {
  ConvInfo conv = read_ghost_conv(module, weights, has_activation(module.child("cv1")));
  Json::Object named;
  if (conv.groups != 1) named.emplace_back("g", conv.groups);
  if (!conv.activated) named.emplace_back("act", false);
  return {{}, 1, "GhostConv", with_named({conv.out, extent(conv.kernel), extent(conv.stride)}, named)};
}

ModelRow focus_row(const TorchModule& module, TorchWeights& weights) {
  module.expect_children({"conv"});
  module.expect_parameters({});
  const TorchModule inner = module.child("conv");
  const bool reads_input = !weights.input_channels;
  const ConvInfo conv = read_conv(inner, weights, has_activation(inner));
  if (reads_input) weights.input_channels = conv.in / 4;
  if (conv.in % 4 != 0 || conv.groups != 1 || conv.dilation != ConvInfo::Pair(1, 1))
    throw inner.fault("its channels, groups or dilation do not match this module");
  Json::Object named;
  if (conv.padding != conv.same_padding()) named.emplace_back("p", extent(conv.padding));
  if (!conv.activated) named.emplace_back("act", false);
  return {{}, 1, "Focus", with_named({conv.out, extent(conv.kernel), extent(conv.stride)}, named)};
}

ModelRow ghost_bottleneck_row(const TorchModule& module, TorchWeights& weights) {
  module.expect_kind("GhostBottleneck");
  module.expect_children({"conv", "shortcut"});
  module.expect_parameters({});
  const TorchModule chain = module.child("conv"), shortcut = module.child("shortcut");
  chain.expect_kind("Sequential");
  chain.expect_children({"0", "1", "2"});
  const ConvInfo::Pair ones{1, 1};
  const ConvInfo first = read_ghost_conv(chain.child("0"), weights, true);
  const ConvInfo last = read_ghost_conv(chain.child("2"), weights, false);
  if (first.kernel != ones || first.stride != ones || first.groups != 1 || last.kernel != ones || last.stride != ones ||
      last.groups != 1)
    throw chain.fault("its GhostConvs are not 1×1 convolutions of stride 1");
  const TorchModule middle = chain.child("1");
  if (middle.kind() == "Identity") {
    shortcut.expect_kind("Identity");
    return {{}, 1, "GhostBottleneck", {last.out}};
  }
  shortcut.expect_kind("Sequential");
  shortcut.expect_children({"0", "1"});
  const ConvInfo depthwise = read_depthwise(middle, weights), around = read_depthwise(shortcut.child("0"), weights);
  const ConvInfo pointwise = read_conv(shortcut.child("1"), weights, false);
  if (depthwise.stride != ConvInfo::Pair(2, 2) || around.stride != depthwise.stride ||
      around.kernel != depthwise.kernel || pointwise.kernel != ones || pointwise.stride != ones ||
      pointwise.groups != 1)
    throw module.fault("its convolutions do not match this module");
  return {{}, 1, "GhostBottleneck", {last.out, extent(depthwise.kernel), 2}};
}

}  // namespace cudet::convert
