#include "kernels/copy/copy.h"
#include "kernels/shape_text.h"

namespace cudet {

StepInfo describe(const Copy& op) {
  return {to_text(op.x), "", {op.x}, {op.y}, 0, bytes(op.x) + bytes(op.y)};
}

void parse_shape(ShapeParser& shape, Copy& op) {
  op.x = shape.take_input();
  op.y = shape.like(op.x);
}

}  // namespace cudet
