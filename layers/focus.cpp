// Focus: the four pixels of each 2×2 square become four times the channels, and go through a convolution. One
// convolution of twice the kernel and stride computes the same.
#include "layers/conv.h"

namespace cudet {
namespace {

/// Reorders a weight of shape out, 4·in, kh, kw to out, in, 2·kh, 2·kw. Part p of the four has row p % 2 and column p /
/// 2 of the square.
Values spread(const Values& weight, int out, int in, Extent kernel) {
  if (!weight) return {};
  return [=](std::span<float> wide) {
    const std::vector<float> values = read_values(weight, wide.size());
    std::size_t from = 0;
    for (int k = 0; k < out; ++k)
      for (int part = 0; part < 4; ++part)
        for (int c = 0; c < in; ++c)
          for (int r = 0; r < kernel.h; ++r)
            for (int s = 0; s < kernel.w; ++s, ++from) {
              const std::size_t row = (static_cast<std::size_t>(k) * in + c) * 2 * kernel.h + 2 * r + part % 2;
              wide[row * 2 * kernel.w + 2 * s + part / 2] = values[from];
            }
  };
}

}  // namespace

ValueId focus_layer(LayerContext& context) {
  context.arguments.bind({"out", "k", "s", "p", "g", "act"});
  ConvArguments a{};
  a.out = context.scaling.channels(context.arguments.integer("out", 1, kMaxChannels));
  const Extent kernel = context.arguments.extent("k", {1, 1}, 1, 32),
               stride = context.arguments.extent("s", {1, 1}, 1, 32);
  const Extent pad = context.arguments.extent("p", {kernel.h / 2, kernel.w / 2}, 0, 128);
  if (context.arguments.integer("g", 1, 1, kMaxChannels) != 1) throw Error("groups are not supported");
  read_activation(context.arguments, a);
  a.kernel = {2 * kernel.h, 2 * kernel.w};
  a.stride = {2 * stride.h, 2 * stride.w};
  a.pad = {2 * pad.h, 2 * pad.w};
  a.stored_weight = [=](LayerContext& c, const std::string& name, int in) {
    return Parameter{{a.out, in, 2 * kernel.h, 2 * kernel.w},
                     spread(c.values(name, {a.out, 4 * in, kernel.h, kernel.w}), a.out, in, kernel)};
  };
  return conv_block(context, context.input(), context.prefix + ".conv", a);
}

}  // namespace cudet
