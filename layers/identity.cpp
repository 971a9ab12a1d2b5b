// nn.Identity: the input itself.
#include "layers/layer.h"

namespace cudet {

ValueId identity_layer(LayerContext& context) {
  return context.input();
}

}  // namespace cudet
