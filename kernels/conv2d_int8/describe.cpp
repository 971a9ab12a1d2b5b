#include "kernels/conv2d_int8/conv2d_int8.h"
#include "kernels/error.h"

namespace cudet {

StepInfo describe(const Conv2dInt8& op) {
  Conv2d conv = op.conv;
  conv.weight.type = Type::u8;  // stored weights have 8 bits; packed ones may have more
  return describe(conv);
}

void parse_shape(ShapeParser&, Conv2dInt8&) {
  throw Error("its scales come from a quantised model: run `bench MODEL.json --layers`");
}

}  // namespace cudet
