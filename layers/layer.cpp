#include "layers/layer.h"

#include <algorithm>
#include <cmath>

namespace cudet {
namespace {

constexpr LayerType kLayers[] = {
    {"Conv", conv_layer, false},         {"C2f", c2f_layer, true},
    {"SPPF", sppf_layer, false},         {"Concat", concat_layer, false},
    {"Upsample", upsample_layer, false}, {"nn.Upsample", upsample_layer, false},
    {"DySample", dysample_layer, false}, {"Detect", detect_layer, false},
};

}  // namespace

const LayerType* find_layer(const std::string& name) {
  const auto it =
      std::find_if(std::begin(kLayers), std::end(kLayers), [&](const LayerType& t) { return t.name == name; });
  return it == std::end(kLayers) ? nullptr : it;
}

int Scaling::channels(int out) const {
  if (literal) return out;
  const double scaled = std::ceil(std::min<double>(out, max_channels) * width / 8) * 8;
  if (!(scaled >= 1 && scaled <= kMostChannels))
    throw Error("scaling makes " + std::to_string(out) + " channels too many or none");
  return static_cast<int>(scaled);
}

int Scaling::repeats(int count) const {
  if (literal || count <= 1) return count;
  const double scaled = std::max(std::nearbyint(count * depth), 1.0);
  if (!(scaled <= kMostRepeats)) throw Error("scaling makes " + std::to_string(count) + " repeats too many");
  return static_cast<int>(scaled);
}

ValueId LayerContext::input() const {
  if (inputs.size() != 1) throw Error("takes one input, not " + std::to_string(inputs.size()));
  return inputs.front();
}

Values LayerContext::values(const std::string& name, const std::vector<int>& shape) {
  graph.rows[static_cast<std::size_t>(row)].parameters += elements_of(shape);
  return weights.values(name, shape);
}

}  // namespace cudet
