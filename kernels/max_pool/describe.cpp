#include "kernels/error.h"
#include "kernels/max_pool/max_pool.h"
#include "kernels/shape_text.h"

namespace cudet {
namespace {

/// Comparisons per output: the window's maximum along the rows, then along the columns.
double comparisons(int kernel) {
  return 2.0 * (kernel - 1);
}

}  // namespace

StepInfo describe(const MaxPool& op) {
  StepInfo info{};
  info.sizes = to_text(op.x);
  info.attributes = "k" + std::to_string(op.kernel);
  add_optional(info.attributes, "s", op.stride, 1);
  add_optional(info.attributes, "p", op.pad, 0);
  info.inputs = {op.x};
  info.outputs = {op.y};
  info.flops = elements(op.y) * comparisons(op.kernel);
  info.bytes = bytes(op.x) + bytes(op.y);
  return info;
}

void parse_shape(ShapeParser& shape, MaxPool& op) {
  op.x = shape.take_input();
  op.kernel = shape.take_number("k", "the kernel", 1);
  op.stride = shape.take_number("s", "the stride", 1, 1);
  op.pad = shape.take_number("p", "the padding", 0, 0);
  if (op.pad > op.kernel / 2) throw Error("the padding is more than half of the kernel");
  op.y = shape.arena(op.x.n, window_count(op.x.h, op.kernel, op.stride, op.pad),
                     window_count(op.x.w, op.kernel, op.stride, op.pad), op.x.c);
}

StepInfo describe(const MaxPoolChain& op) {
  StepInfo info{};
  info.sizes = to_text(op.x);
  info.attributes = "k" + std::to_string(op.kernel) + " x" + std::to_string(op.count);
  info.inputs = {op.x};
  info.outputs.assign(op.y, op.y + op.count);
  info.flops = op.count * elements(op.x) * comparisons(op.kernel);
  info.bytes = bytes(op.x) + op.count * bytes(op.y[0]);
  return info;
}

void parse_shape(ShapeParser& shape, MaxPoolChain& op) {
  op.x = shape.take_input();
  op.kernel = shape.take_number("k", "the kernel", 1);
  op.count = shape.take_number("x", "the number of poolings", 1);
  if (op.kernel % 2 == 0) throw Error("the kernel is even");
  if (op.count > MaxPoolChain::kMaxPoolings)
    throw Error("at most " + std::to_string(MaxPoolChain::kMaxPoolings) + " poolings are one step");
  for (int i = 0; i < op.count; ++i) op.y[i] = shape.like(op.x);
}

}  // namespace cudet
