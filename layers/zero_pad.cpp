// ZeroPad2d: zeros around the map.
#include "layers/layer.h"

namespace cudet {

ValueId zero_pad_layer(LayerContext& context) {
  context.arguments.bind({"padding"});
  const std::vector<int> pads = context.arguments.integers("padding", 4, 0, 1024);
  const ValueId x = context.input();
  return context.node(PadOp{pads[0], pads[1], pads[2], pads[3]}, {x}, context.channels(x), context.prefix);
}

}  // namespace cudet
