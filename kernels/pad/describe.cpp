#include "kernels/pad/pad.h"
#include "kernels/shape_text.h"

namespace cudet {

StepInfo describe(const Pad& op) {
  std::string attributes;
  add_optional(attributes, "left", op.left, 0);
  add_optional(attributes, "right", op.y.w - op.x.w - op.left, 0);
  add_optional(attributes, "top", op.top, 0);
  add_optional(attributes, "bottom", op.y.h - op.x.h - op.top, 0);
  return {to_text(op.x), attributes, {op.x}, {op.y}, 0, bytes(op.x) + bytes(op.y)};
}

void parse_shape(ShapeParser& shape, Pad& op) {
  op.x = shape.take_input();
  op.left = shape.take_number("left", "the padding on the left", 0, 0);
  const int right = shape.take_number("right", "the padding on the right", 0, 0);
  op.top = shape.take_number("top", "the padding above", 0, 0);
  const int bottom = shape.take_number("bottom", "the padding below", 0, 0);
  op.y = shape.arena(op.x.n, op.x.h + op.top + bottom, op.x.w + op.left + right, op.x.c);
}

}  // namespace cudet
