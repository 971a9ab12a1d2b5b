// DySample: a 1×1 convolution says where to sample ("Learning to Upsample by Learning to Sample", arXiv 2308.15085).
#include <algorithm>

#include "layers/conv.h"

namespace cudet {
namespace {

/// Style pl convolves the pixel-shuffled map (C/s² channels, s times the size) and unshuffles the result. The same
/// numbers come from one 1×1 convolution of the map itself: for each place (p, q) of the s², output k·s² + p·s + q
/// reads just the channels c·s² + p·s + q. `small` is out × C/s², the result out·s² × C.
std::vector<float> expand_shuffled(const std::vector<float>& small, int out, int in, int places) {
  if (small.empty()) return {};
  const std::size_t wide = static_cast<std::size_t>(in) * places;
  std::vector<float> expanded(static_cast<std::size_t>(out) * places * wide, 0.0f);
  for (int k = 0; k < out; ++k)
    for (int place = 0; place < places; ++place)
      for (int c = 0; c < in; ++c)
        expanded[(static_cast<std::size_t>(k) * places + place) * wide + static_cast<std::size_t>(c) * places + place] =
            small[static_cast<std::size_t>(k) * in + c];
  return expanded;
}

/// Each of a bias' values `places` times in a row.
std::vector<float> repeat_each(const std::vector<float>& values, int places) {
  std::vector<float> repeated;
  for (const float value : values) repeated.insert(repeated.end(), static_cast<std::size_t>(places), value);
  return repeated;
}

}  // namespace

ValueId dysample_layer(LayerContext& context) {
  context.arguments.bind({"scale", "style", "groups", "dyscope"});
  const ValueId x = context.input();
  const int channels = context.channels(x);
  const int scale = context.arguments.integer("scale", 2, 1, 16);
  const std::string style = context.arguments.string("style", "lp");
  const int groups = context.arguments.integer("groups", 4, 1, kMostChannels);
  const bool dyscope = context.arguments.boolean("dyscope", false);
  const int places = scale * scale;
  if (style != "lp" && style != "pl") throw Error("style \"" + style + "\" is not supported: \"lp\" and \"pl\" are");
  if (channels % groups != 0)
    throw Error("groups " + std::to_string(groups) + " does not divide " + std::to_string(channels) + " channels");
  const bool shuffled = style == "pl";
  if (shuffled && channels % places != 0)
    throw Error("style pl: scale² " + std::to_string(places) + " does not divide " + std::to_string(channels) +
                " channels");
  const int in = shuffled ? channels / places : channels;
  const int out = 2 * groups * (shuffled ? 1 : places);  // of the convolution as it is stored
  const int map = 2 * groups * places;                   // of the offset map, and of the scope map behind it
  if (2LL * map > kMostChannels) throw Error("groups " + std::to_string(groups) + " make too many offsets");

  Parameter weight{{dyscope ? 2 * map : map, channels, 1, 1}, {}}, bias{{weight.shape[0]}, {}};
  const auto append = [&](const std::string& name, bool biased) {
    std::vector<float> w = context.read(name + ".weight", {out, in, 1, 1});
    if (shuffled) w = expand_shuffled(w, out, in, places);
    weight.values.insert(weight.values.end(), w.begin(), w.end());
    std::vector<float> b(w.empty() ? 0 : static_cast<std::size_t>(out), 0.0f);
    if (biased) b = context.read(name + ".bias", {out});
    if (shuffled) b = repeat_each(b, places);
    bias.values.insert(bias.values.end(), b.begin(), b.end());
  };
  append(context.prefix + ".offset", true);
  if (dyscope) append(context.prefix + ".scope", context.weights.has(context.prefix + ".scope.bias"));

  ConvOp op{};
  op.kernel = op.stride = op.dilation = {1, 1};
  op.density = shuffled ? 1.0 / places : 1.0;
  const int maps = weight.shape[0];
  op.weight = context.graph.add_parameter(std::move(weight));
  op.bias = context.graph.add_parameter(std::move(bias));
  const ValueId offset = context.node(op, {x}, maps, context.prefix + ".offset");
  return context.node(DySampleOp{scale, groups, dyscope}, {x, offset}, channels, context.prefix);
}

}  // namespace cudet
