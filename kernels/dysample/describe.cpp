#include "kernels/dysample/dysample.h"
#include "kernels/error.h"
#include "kernels/shape_text.h"

namespace cudet {
namespace {

std::string attributes(const DySample& op) {
  return "x" + std::to_string(op.scale) + " g" + std::to_string(op.groups) + (op.dyscope ? " dyscope" : "");
}

double sampling_flops(const DySample& op) {
  const double offsets = elements(op.offset) / (op.dyscope ? 2 : 1);
  const double per_offset = op.dyscope ? 6 : 4;      // multiply-add, clamp to two limits; with dyscope σ
  return offsets * per_offset + elements(op.y) * 8;  // a multiply-add for each of four corners
}

/// Parses all but the offset map. Returns its channels.
long parse_sampling(ShapeParser& shape, DySample& op) {
  op.x = shape.take_input();
  op.scale = shape.take_number("x", "the scale", 1);
  op.groups = shape.take_number("g", "groups", 1);
  op.dyscope = shape.take_flag("dyscope");
  if (op.x.c % op.groups != 0) throw Error("groups: " + std::to_string(op.groups) + " does not divide the channels");
  op.y = shape.arena(op.x.n, static_cast<long>(op.scale) * op.x.h, static_cast<long>(op.scale) * op.x.w, op.x.c);
  return (op.dyscope ? 4L : 2L) * op.groups * op.scale * op.scale;
}

}  // namespace

StepInfo describe(const DySample& op) {
  return {to_text(op.x), attributes(op),     {op.x, op.offset},
          {op.y},        sampling_flops(op), bytes(op.x) + bytes(op.offset) + bytes(op.y)};
}

void parse_shape(ShapeParser& shape, DySample& op) {
  const long channels = parse_sampling(shape, op);
  op.offset = shape.arena(op.x.n, op.x.h, op.x.w, channels);
}

StepInfo describe(const ConvDySample& op) {
  const StepInfo conv = describe(op.conv);
  return {to_text(op.sample.x),
          attributes(op.sample),
          {op.sample.x},
          {op.sample.offset, op.sample.y},
          conv.flops + sampling_flops(op.sample),
          conv.bytes - bytes(op.conv.y) + bytes(op.sample.y)};  // offsets may stay on chip
}

void parse_shape(ShapeParser& shape, ConvDySample& op) {
  const long channels = parse_sampling(shape, op.sample);
  op.conv.x = op.sample.x;
  op.conv.kernel = op.conv.stride = op.conv.dilation = {1, 1};
  op.conv.groups = 1;
  lay_out(shape, channels, op.conv);
  op.sample.offset = op.conv.y;
}

}  // namespace cudet
