// Concat: concatenates channels.
#include "layers/layer.h"

namespace cudet {

ValueId concat_layer(LayerContext& context) {
  context.arguments.bind({"dimension"});
  if (const int dimension = context.arguments.integer("dimension", 1, -4, 3); dimension != 1 && dimension != -3)
    throw Error("dimension " + std::to_string(dimension) + " is not supported: only 1 (channels) is");
  return context.concat(context.inputs, context.prefix);
}

}  // namespace cudet
