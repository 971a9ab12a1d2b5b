#include "kernels/shape_text.h"
#include "kernels/upsample/upsample.h"

namespace cudet {

StepInfo describe(const Upsample& op) {
  return {to_text(op.x), "x" + std::to_string(op.scale), {op.x}, {op.y}, 0, bytes(op.x) + bytes(op.y)};
}

void parse_shape(ShapeParser& shape, Upsample& op) {
  op.x = shape.take_input();
  op.scale = shape.take_number("x", "the scale", 1);
  op.y = shape.arena(op.x.n, static_cast<long>(op.scale) * op.x.h, static_cast<long>(op.scale) * op.x.w, op.x.c);
}

}  // namespace cudet
