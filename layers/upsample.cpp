// Upsample: nearest neighbour, by a whole factor.
#include "layers/layer.h"

namespace cudet {

ValueId upsample_layer(LayerContext& context) {
  context.arguments.bind({"size", "scale", "mode"});
  if (context.arguments.given("size")) throw Error("a fixed size is not supported: give scale");
  const int scale = context.arguments.integer("scale", 2, 1, 16);
  if (const std::string mode = context.arguments.string("mode", "nearest"); mode != "nearest")
    throw Error("mode \"" + mode + "\" is not supported: only \"nearest\" is");
  const ValueId x = context.input();
  return context.node(UpsampleOp{scale}, {x}, context.channels(x), context.prefix);
}

}  // namespace cudet
