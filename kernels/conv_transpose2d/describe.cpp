#include "kernels/conv_transpose2d/conv_transpose2d.h"
#include "kernels/error.h"
#include "kernels/shape_text.h"

namespace cudet {
namespace {

/// The output's rows (columns) without output padding.
long output_size(long size, int kernel, int stride, int pad, int dilation) {
  return (size - 1) * stride - 2L * pad + static_cast<long>(dilation) * (kernel - 1) + 1;
}
long output_rows(const ConvTranspose2d& op) {
  return output_size(op.x.h, op.kernel.h, op.stride.h, op.pad.h, op.dilation.h);
}
long output_columns(const ConvTranspose2d& op) {
  return output_size(op.x.w, op.kernel.w, op.stride.w, op.pad.w, op.dilation.w);
}

}  // namespace

StepInfo describe(const ConvTranspose2d& op) {
  StepInfo info{};
  info.sizes = to_text(op.x) + " -> " + std::to_string(op.y.c);
  info.attributes = "k" + to_text(op.kernel);
  add_optional(info.attributes, "s", op.stride, 1);
  add_optional(info.attributes, "p", op.pad, 0);
  add_optional(info.attributes, "o",
               Extent{static_cast<int>(op.y.h - output_rows(op)), static_cast<int>(op.y.w - output_columns(op))}, 0);
  add_optional(info.attributes, "d", op.dilation, 1);
  add_optional(info.attributes, "g", op.groups, 1);
  info.inputs = {op.x};
  info.outputs = {op.y};
  const double weights = static_cast<double>(op.x.c) * op.y.c / op.groups * op.kernel.h * op.kernel.w;
  info.flops = 2 * elements(op.x) / op.x.c * weights;
  info.bytes = bytes(op.x) + weights * static_cast<double>(size_of(op.weight.type)) + bytes(op.bias) + bytes(op.y);
  return info;
}

void parse_shape(ShapeParser& shape, ConvTranspose2d& op) {
  op.x = shape.take_input();
  if (shape.take("-> and the output's channels") != "->") throw Error("-> must follow the input");
  const int channels = shape.take_sizes("the number of output channels", 1).front();
  op.kernel = shape.take_pair("k", "the kernel", 1);
  op.stride = shape.take_pair("s", "the stride", 1, 1);
  op.pad = shape.take_pair("p", "the padding", 0, 0);
  const Extent output_pad = shape.take_pair("o", "the output padding", 0, 0);
  op.dilation = shape.take_pair("d", "the dilation", 1, 1);
  op.groups = shape.take_number("g", "groups", 1, 1);
  if (op.x.c % op.groups != 0 || channels % op.groups != 0)
    throw Error("groups: " + std::to_string(op.groups) + " does not divide the channels");
  const long rows = output_rows(op) + output_pad.h, columns = output_columns(op) + output_pad.w;
  if (rows < 1 || columns < 1) throw Error("the padding leaves no output");
  op.y = shape.arena(op.x.n, rows, columns, channels);
  op.weight = shape.weights(op.x.c, channels / op.groups, op.kernel.h, op.kernel.w);
  const std::size_t plain = op.weight.pixel(op.weight.n, 0, 0),
                    packed = conv_transpose2d_packed_bytes(op) / sizeof(float);
  if (packed > plain) shape.weights(1, 1, 1, static_cast<long>(packed - plain));
  op.bias = shape.weights(1, 1, 1, channels);
}

}  // namespace cudet
