// DySample: a 1×1 convolution computes where to sample ("Learning to Upsample by Learning to Sample", arXiv
// 2308.15085).
#include <algorithm>

#include "layers/conv.h"

namespace cudet {
namespace {

/// Style pl convolves the pixel-shuffled map (C/s² channels, s times the size) and unshuffles the result. One 1×1
/// convolution of the map itself computes the same: for each sub-pixel (p, q) of the s², output k·s² + p·s + q reads
/// only the channels c·s² + p·s + q. `small` is out × C/s²; the result is out·s² × C.
Values expand_shuffled(const Values& small, int out, int in, int subpixels) {
  if (!small) return {};
  return [=](std::span<float> expanded) {
    const std::vector<float> values = read_values(small, static_cast<std::size_t>(out) * in);
    const std::size_t wide = static_cast<std::size_t>(in) * subpixels;
    std::fill(expanded.begin(), expanded.end(), 0.0f);
    for (int k = 0; k < out; ++k)
      for (int subpixel = 0; subpixel < subpixels; ++subpixel)
        for (int c = 0; c < in; ++c)
          expanded[(static_cast<std::size_t>(k) * subpixels + subpixel) * wide +
                   static_cast<std::size_t>(c) * subpixels + subpixel] = values[static_cast<std::size_t>(k) * in + c];
  };
}

/// Repeats each value of a bias `count` times; zeros if there is no bias.
Values repeat_each(const Values& bias, int out, int count) {
  return [=](std::span<float> repeated) {
    std::vector<float> values(static_cast<std::size_t>(out));
    if (bias) bias(values);
    for (std::size_t i = 0; i < repeated.size(); ++i) repeated[i] = values[i / static_cast<std::size_t>(count)];
  };
}

/// Concatenates parts of equal size.
Values concatenate(const std::vector<Values>& parts) {
  if (!parts.front()) return {};
  return [=](std::span<float> joined) {
    const std::size_t size = joined.size() / parts.size();
    for (std::size_t i = 0; i < parts.size(); ++i) parts[i](joined.subspan(i * size, size));
  };
}

}  // namespace

ValueId dysample_layer(LayerContext& context) {
  context.arguments.bind({"scale", "style", "groups", "dyscope"});
  const ValueId x = context.input();
  const int channels = context.channels(x);
  const int scale = context.arguments.integer("scale", 2, 1, 16);
  const std::string style = context.arguments.string("style", "lp");
  const int groups = context.arguments.integer("groups", 4, 1, kMaxChannels);
  const bool dyscope = context.arguments.boolean("dyscope", false);
  const int subpixels = scale * scale;
  if (style != "lp" && style != "pl") throw Error("style \"" + style + "\" is not supported: \"lp\" and \"pl\" are");
  if (channels % groups != 0)
    throw Error("groups " + std::to_string(groups) + " does not divide " + std::to_string(channels) + " channels");
  const bool shuffled = style == "pl";
  if (shuffled && channels % subpixels != 0)
    throw Error("style pl: scale² " + std::to_string(subpixels) + " does not divide " + std::to_string(channels) +
                " channels");
  const int in = shuffled ? channels / subpixels : channels;
  const int out = 2 * groups * (shuffled ? 1 : subpixels);  // channels of the stored convolution
  const int map = 2 * groups * subpixels;                   // channels of the offset map, and of the scope map after it
  if (2LL * map > kMaxChannels) throw Error("groups " + std::to_string(groups) + " result in too many offsets");

  std::vector<Values> weights, biases;
  const auto append = [&](const std::string& name, bool biased) {
    const Values weight = context.values(name + ".weight", {out, in, 1, 1});
    const Values bias = biased ? context.values(name + ".bias", {out}) : Values();
    weights.push_back(shuffled ? expand_shuffled(weight, out, in, subpixels) : weight);
    biases.push_back(weight ? repeat_each(bias, out, shuffled ? subpixels : 1) : Values());
  };
  append(context.prefix + ".offset", true);
  if (dyscope) append(context.prefix + ".scope", context.weights.has(context.prefix + ".scope.bias"));

  ConvOp op{};
  op.kernel = op.stride = op.dilation = {1, 1};
  op.density = shuffled ? 1.0 / subpixels : 1.0;
  const int maps = dyscope ? 2 * map : map;
  Parameter weight{{maps, channels, 1, 1}, concatenate(weights)}, bias{{maps}, concatenate(biases)};
  op.weight = context.graph.add_parameter(std::move(weight));
  op.bias = context.graph.add_parameter(std::move(bias));
  const ValueId offset = context.node(op, {x}, maps, context.prefix + ".offset");
  return context.node(DySampleOp{scale, groups, dyscope}, {x, offset}, channels, context.prefix);
}

}  // namespace cudet
