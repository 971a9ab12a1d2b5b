#include "layers/layer.h"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace cudet {
namespace {

constexpr LayerType kLayers[] = {
#define MODULE(name, function, repeats) {name, function, Repeats::repeats},
#include "layers/modules.def"
#undef MODULE
};

// YOLO's training state and constants that the runtime derives itself.
constexpr const char* kUnusedBuffers[] = {".num_batches_tracked", ".init_pos", ".anchors", ".strides", ".stride"};

}  // namespace

const LayerType* find_layer(const std::string& name) {
  const auto it =
      std::find_if(std::begin(kLayers), std::end(kLayers), [&](const LayerType& t) { return t.name == name; });
  return it == std::end(kLayers) ? nullptr : it;
}

bool is_unused_buffer(const std::string& tensor) {
  return std::any_of(std::begin(kUnusedBuffers), std::end(kUnusedBuffers),
                     [&](const char* suffix) { return tensor.ends_with(suffix); });
}

int Scaling::channels(int out) const {
  if (literal) return out;
  const double scaled = std::ceil(std::min<double>(out, max_channels) * width / 8) * 8;
  if (!(scaled >= 1 && scaled <= kMaxChannels))
    throw Error("scaling makes " + std::to_string(out) + " channels too many or none");
  return static_cast<int>(scaled);
}

int Scaling::repeats(int count) const {
  if (literal || count <= 1) return count;
  const double scaled = std::max(std::nearbyint(count * depth), 1.0);
  if (!(scaled <= kMaxRepeats)) throw Error("scaling makes " + std::to_string(count) + " repeats too many");
  return static_cast<int>(scaled);
}

ValueId LayerContext::input() const {
  if (inputs.size() != 1) throw Error("takes one input, not " + std::to_string(inputs.size()));
  return inputs.front();
}

int LayerContext::conv_outputs(const std::string& name, int standard) const {
  const std::vector<int> shape = weights.shape(name + ".conv.weight");
  return shape.size() == 4 && shape[0] >= 1 && shape[0] <= kMaxChannels ? shape[0] : standard;
}

ValueId LayerContext::concat(const std::vector<ValueId>& parts, const std::string& name) {
  long long sum = 0;
  for (const ValueId part : parts) sum += channels(part);
  if (sum > kMaxChannels) throw Error(std::to_string(sum) + " channels are too many to join");
  return node(ConcatOp{}, parts, static_cast<int>(sum), name);
}

Values LayerContext::values(const std::string& name, const std::vector<int>& shape) {
  graph.rows[row].parameters += element_count(shape);
  return weights.values(name, shape);
}

}  // namespace cudet
