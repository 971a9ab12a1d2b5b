// nn.MaxPool2d.
#include "layers/layer.h"

namespace cudet {

ValueId max_pool_layer(LayerContext& context) {
  context.arguments.bind({"k", "s", "p"});
  const int kernel = context.arguments.integer("k", 1, 63);
  const int stride = context.arguments.integer("s", kernel, 1, 64);
  const int pad = context.arguments.integer("p", 0, 0, kernel / 2);
  const ValueId x = context.input();
  return context.node(MaxPoolOp{kernel, stride, pad}, {x}, context.channels(x), context.prefix);
}

}  // namespace cudet
