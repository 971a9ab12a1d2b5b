// Upsample: nearest neighbour or bilinear, by a whole factor.
#include "layers/layer.h"

namespace cudet {

ValueId upsample_layer(LayerContext& context) {
  const Arguments& arguments = context.arguments;
  context.arguments.bind({"size", "scale", "mode", "align_corners"});
  if (arguments.given("size")) throw Error("a fixed size is not supported: give scale");
  const int scale = arguments.integer("scale", 2, 1, 16);
  const std::string mode = arguments.string("mode", "nearest");
  if (mode != "nearest" && mode != "bilinear")
    throw Error("mode \"" + mode + "\" is not supported: \"nearest\" and \"bilinear\" are");
  const bool align_corners = arguments.boolean("align_corners", false);
  if (align_corners && mode == "nearest") throw Error("align_corners needs mode \"bilinear\"");
  const ValueId x = context.input();
  const Operator op = mode == "nearest" ? Operator(UpsampleOp{scale}) : ResizeBilinearOp{scale, align_corners};
  return context.node(op, {x}, context.channels(x), context.prefix);
}

}  // namespace cudet
