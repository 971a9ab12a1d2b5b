#include <algorithm>
#include <cmath>
#include <set>

#include "apps/checkpoint/conv_module.h"
#include "apps/checkpoint/rows.h"

namespace cudet::convert {
namespace {

constexpr int kMaxScale = 1024;  // products with its square fit in 64 bits; the limit of the runtime is far lower

/// Whether `values` are the standard sampling positions of DySample without offsets: for each group (j − (s−1)/2)/s for
/// x, then for each group (i − (s−1)/2)/s for y, where i and j are row and column of the s × s samples.
bool is_standard_init_pos(const std::vector<float>& values, std::int64_t scale, std::int64_t groups) {
  const std::int64_t samples = scale * scale;  // per group
  if (values.size() != static_cast<std::size_t>(2 * groups * samples)) return false;
  for (std::size_t k = 0; k < values.size(); ++k) {
    const std::int64_t sample = static_cast<std::int64_t>(k) % samples;
    const std::int64_t index = static_cast<std::int64_t>(k) < groups * samples ? sample % scale : sample / scale;
    const double expected =
        (static_cast<double>(index) - static_cast<double>(scale - 1) / 2) / static_cast<double>(scale);
    if (!(std::abs(values[k] - expected) <= 1e-3)) return false;
  }
  return true;
}

}  // namespace

bool resembles_dysample(const TorchModule& module) {
  const std::optional<TorchModule> offset = module.find("offset");
  return offset && offset->kind() == "Conv2d";
}

ModelRow dysample_row(const TorchModule& module, TorchWeights& weights) {
  module.expect_children({"offset", "scope"});
  module.expect_parameters({"init_pos"});
  const auto pointwise = [&](const TorchModule& m) {
    const ConvInfo conv = read_conv2d(m, weights);
    const ConvInfo::Pair ones{1, 1}, none{0, 0};
    if (conv.kernel != ones || conv.stride != ones || conv.padding != none || conv.groups != 1)
      throw m.fault("is not a 1×1 convolution");
    return conv;
  };
  if (!module.parameter("init_pos"))
    throw module.fault(
        "resembles DySample but has no init_pos, the positions that the offsets start from: this variant samples "
        "elsewhere and is not supported");
  for (const std::string& name : module.real_attributes())
    if (name != "scale") throw module.fault("has an attribute " + name + " that DySample does not have");
  const ConvInfo offset = pointwise(module.child("offset"));
  if (!offset.biased) throw module.fault("its offset convolution has no bias");
  const std::vector<float> init_pos = weights.values(module, "init_pos");
  const std::int64_t positions = static_cast<std::int64_t>(init_pos.size());

  std::int64_t scale = module.integer("scale").value_or(0);
  if (!module.attribute("scale"))  // init_pos has `scale` different values
    scale = static_cast<std::int64_t>(std::set<float>(init_pos.begin(), init_pos.end()).size());
  if (scale < 1 || scale > kMaxScale) throw module.fault("its scale is missing or out of range");
  std::string style = positions != offset.out ? "pl" : "lp";
  if (const auto given = module.attribute("style")) style = given->text().value_or("?");
  if (style != "lp" && style != "pl") throw module.fault("style " + style + " is not supported, expected lp or pl");
  const std::int64_t each = 2 * (style == "pl" ? 1 : scale * scale);  // offsets per group
  const std::int64_t groups = module.integer("groups").value_or(offset.out / each);
  if (groups < 1 || offset.out % each != 0 || offset.out / each != groups)
    throw module.fault("its offset convolution has " + std::to_string(offset.out) + " channels, expected " +
                       std::to_string(each) + " per group");
  if (!is_standard_init_pos(init_pos, scale, groups))
    throw module.fault("init_pos differs from the standard positions of DySample: this variant is not supported");
  const std::optional<TorchModule> scope = module.find("scope");
  if (scope) {
    const ConvInfo conv = pointwise(*scope);
    if (conv.out != offset.out || conv.in != offset.in) throw module.fault("scope and offset have different channels");
  }
  return {{}, 1, "DySample", {scale, style, groups, scope.has_value()}};
}

}  // namespace cudet::convert
