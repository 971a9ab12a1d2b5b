#include "kernels/resize_bilinear/resize_bilinear.h"
#include "kernels/shape_text.h"

namespace cudet {

StepInfo describe(const ResizeBilinear& op) {
  std::string attributes = "x" + std::to_string(op.scale);
  if (op.align_corners) add_word(attributes, "align_corners");
  const double flops = 8 * elements(op.y);  // a multiply-add for each of four corners, as in DySample
  return {to_text(op.x), attributes, {op.x}, {op.y}, flops, bytes(op.x) + bytes(op.y)};
}

void parse_shape(ShapeParser& shape, ResizeBilinear& op) {
  op.x = shape.take_input();
  op.scale = shape.take_number("x", "the scale", 1);
  op.align_corners = shape.take_flag("align_corners");
  op.y = shape.arena(op.x.n, static_cast<long>(op.scale) * op.x.h, static_cast<long>(op.scale) * op.x.w, op.x.c);
}

}  // namespace cudet
