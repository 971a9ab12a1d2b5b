#include "kernels/add/add.h"
#include "kernels/shape_text.h"

namespace cudet {

StepInfo describe(const Add& op) {
  return {to_text(op.y), "", {op.a, op.b}, {op.y}, elements(op.y), bytes(op.a) + bytes(op.b) + bytes(op.y)};
}

void parse_shape(ShapeParser& shape, Add& op) {
  op.a = shape.take_input();
  op.b = shape.like(op.a);
  op.y = shape.like(op.a);
}

}  // namespace cudet
