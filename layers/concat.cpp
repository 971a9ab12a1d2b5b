// Concat: concatenates channels.
#include "layers/layer.h"

namespace cudet {

ValueId concat_layer(LayerContext& context) {
  context.arguments.bind({"dimension"});
  if (const int dimension = context.arguments.integer("dimension", 1, -4, 3); dimension != 1 && dimension != -3)
    throw Error("dimension " + std::to_string(dimension) + " is not supported: only 1 (channels) is");
  long long channels = 0;
  for (const ValueId x : context.inputs) channels += context.channels(x);
  if (channels > kMaxChannels) throw Error(std::to_string(channels) + " channels are too many");
  return context.node(ConcatOp{}, context.inputs, static_cast<int>(channels), context.prefix);
}

}  // namespace cudet
