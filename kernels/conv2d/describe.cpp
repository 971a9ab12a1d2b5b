#include <algorithm>

#include "kernels/conv2d/conv2d.h"
#include "kernels/conv2d/cpu/kernels.h"
#include "kernels/error.h"
#include "kernels/shape_text.h"

namespace cudet {

StepInfo describe(const Conv2d& op) {
  StepInfo info{};
  info.sizes = to_text(op.x) + " -> " + std::to_string(op.y.c);
  info.attributes = "k" + to_text(op.kernel);
  add_optional(info.attributes, "s", op.stride, 1);
  add_optional(info.attributes, "p", op.pad, 0);
  add_optional(info.attributes, "d", op.dilation, 1);
  add_optional(info.attributes, "g", op.groups, 1);
  if (op.activation != Activation::none) add_word(info.attributes, to_text(op.function()));
  if (op.add) add_word(info.attributes, "add");
  info.inputs = {op.x};
  if (op.add) info.inputs.push_back(op.residual);
  info.outputs = {op.y};
  const int depth = op.x.c / op.groups;
  const double weights = static_cast<double>(op.y.c) * op.kernel.h * op.kernel.w * depth;
  info.flops = 2 * elements(op.y) / op.y.c * weights;
  info.bytes = bytes(op.x) + weights * static_cast<double>(size_of(op.weight.type)) + bytes(op.bias) + bytes(op.y) +
               (op.add ? bytes(op.residual) : 0);
  return info;
}

void lay_out(ShapeParser& shape, long channels, Conv2d& op) {
  if (op.x.c % op.groups != 0 || channels % op.groups != 0)
    throw Error("groups: " + std::to_string(op.groups) + " does not divide the channels");
  op.y = shape.arena(op.x.n, window_count(op.x.h, op.kernel.h, op.stride.h, op.pad.h, op.dilation.h),
                     window_count(op.x.w, op.kernel.w, op.stride.w, op.pad.w, op.dilation.w), channels);
  if (op.add) op.residual = shape.like(op.y);
  op.weight = shape.weights(channels, op.kernel.h, op.kernel.w, op.x.c / op.groups);
  const std::size_t floats = op.weight.pixel(op.weight.n, 0, 0);
  std::size_t packed = 0;  // maximum over the CPU's kernels
  for (const Conv2dCpuKernel* kernel : kConv2dCpuKernels)
    if (kernel->supports(op)) packed = std::max(packed, kernel->packed_floats(op));
  if (packed > floats) shape.weights(1, 1, 1, static_cast<long>(packed - floats));
  op.bias = shape.weights(1, 1, 1, channels);
}

void parse_shape(ShapeParser& shape, Conv2d& op) {
  op.x = shape.take_input();
  if (shape.take("-> and the output's channels") != "->") throw Error("-> must follow the input");
  const int channels = shape.take_sizes("the number of output channels", 1).front();
  op.kernel = shape.take_pair("k", "the kernel", 1);
  op.stride = shape.take_pair("s", "the stride", 1, 1);
  op.pad = shape.take_pair("p", "the padding", 0, 0);
  op.dilation = shape.take_pair("d", "the dilation", 1, 1);
  op.groups = shape.take_number("g", "groups", 1, 1);
  for (Activation kind : kActivations)
    if (shape.take_flag(activation_name(kind))) {
      const ActivationFunction function = parse_function(activation_name(kind));  // with the default slope
      op.activation = function.kind, op.slope = function.slope;
    }
  if (const std::string_view word = shape.take_starting("leaky_relu("); !word.empty()) {
    const ActivationFunction leaky = parse_function(word);
    op.activation = leaky.kind, op.slope = leaky.slope;
  }
  op.add = shape.take_flag("add");
  lay_out(shape, channels, op);
}

}  // namespace cudet
