// Detect: a box branch and a class branch per level, then the decode of all levels.
#include <algorithm>
#include <numeric>

#include "kernels/detect_decode/detect_decode.h"
#include "layers/conv.h"

namespace cudet {
namespace {

/// Two 3×3 convolutions with `hidden` channels, unless the weights have others, and a 1×1 convolution.
ValueId branch(LayerContext& context, ValueId x, const std::string& name, int hidden, int out) {
  for (const char* number : {".0", ".1"})
    x = conv_block(context, x, name + number, {.out = context.conv_outputs(name + number, hidden), .kernel = {3, 3}});
  return pointwise_conv(context, x, name + ".2", out);
}

/// Checks DFL's fixed convolution, if stored: its weights must be the bins' indices, which the decode assumes.
void check_bins(LayerContext& context, int bins) {
  context.graph.rows[context.row].parameters += static_cast<std::size_t>(bins);
  const std::string name = context.prefix + ".dfl.conv.weight";
  if (!context.weights.has(name)) return;
  std::vector<float> numbers(static_cast<std::size_t>(bins));
  std::iota(numbers.begin(), numbers.end(), 0.0f);
  if (read_values(context.weights.values(name, {1, bins, 1, 1}), numbers.size()) != numbers)
    throw Error(name + " must be 0, 1, … " + std::to_string(bins - 1));
}

}  // namespace

ValueId detect_layer(LayerContext& context) {
  context.arguments.bind({"nc", "reg_max"});
  const int classes = context.arguments.integer("nc", context.classes, 1, kMaxChannels - 4);
  const int bins = context.arguments.integer("reg_max", 16, 2, 256);
  if (classes != context.classes)
    throw Error("nc is " + std::to_string(classes) + ", but the model has " + std::to_string(context.classes) +
                " classes");
  if (context.inputs.size() > DetectDecode::kMaxLevels)
    throw Error("at most " + std::to_string(DetectDecode::kMaxLevels) + " levels are supported");
  const int first = context.channels(context.inputs.front());
  const int box_hidden = std::max({16, first / 4, 4 * bins}), score_hidden = std::max(first, std::min(classes, 100));

  std::vector<ValueId> maps;
  for (std::size_t level = 0; level < context.inputs.size(); ++level) {
    const ValueId x = context.inputs[level];
    const std::string number = std::to_string(level);
    maps.push_back(branch(context, x, context.prefix + ".cv2." + number, box_hidden, 4 * bins));
    maps.push_back(branch(context, x, context.prefix + ".cv3." + number, score_hidden, classes));
  }
  check_bins(context, bins);
  return context.node(DetectDecodeOp{bins}, maps, 4 + classes, context.prefix);
}

}  // namespace cudet
