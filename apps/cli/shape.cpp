#include "apps/cli/shape.h"

#include <cmath>

namespace cudet {
namespace {

std::string text(int number) {
  return std::to_string(number);
}
std::string text(Extent e) {
  return text(e.h) + "x" + text(e.w);
}
std::string text(const Tensor& t) {
  return text(t.n) + "x" + text(t.h) + "x" + text(t.w) + "x" + text(t.c);
}
/// " s2x2", or nothing where both are the default.
std::string optional_text(const char* name, Extent e, int otherwise) {
  return e.h == otherwise && e.w == otherwise ? "" : " " + (name + text(e));
}
std::string optional_text(const char* name, int number, int otherwise) {
  return number == otherwise ? "" : " " + (name + text(number));
}

std::string sampling(const DySample& op) {
  return text(op.x) + " x" + text(op.scale) + " g" + text(op.groups) + (op.dyscope ? " dyscope" : "");
}

std::string text(const DetectDecode& op) {
  const DetectDecode::Level& first = op.level[0];
  std::string levels = text(first.box.n) + "x";
  for (int i = 0; i < op.levels; ++i) levels += (i ? "+" : "") + text(Extent{op.level[i].box.h, op.level[i].box.w});
  const Extent input{static_cast<int>(std::lround(first.stride_y * static_cast<float>(first.box.h))),
                     static_cast<int>(std::lround(first.stride_x * static_cast<float>(first.box.w)))};
  return levels + " classes" + text(op.y.c - 4) + " bins" + text(op.bins) + " input" + text(input);
}

std::string text(const Conv2d& op) {
  return text(op.x) + " -> " + text(op.y.c) + " k" + text(op.kernel) + optional_text("s", op.stride, 1) +
         optional_text("p", op.pad, 0) + optional_text("d", op.dilation, 1) + optional_text("g", op.groups, 1) +
         (op.activation == Activation::silu ? " silu" : "") + (op.add ? " add" : "");
}

}  // namespace

std::string op_of(const Step& step) {
  return std::visit(
      Overloaded{[](const Conv2d&) { return "conv2d"; }, [](const Conv2dInt8&) { return "conv2d_int8"; },
                 [](const MaxPool&) { return "max_pool"; }, [](const MaxPoolChain&) { return "max_pool_chain"; },
                 [](const Upsample&) { return "upsample"; }, [](const Copy&) { return "copy"; },
                 [](const DySample&) { return "dysample"; }, [](const ConvDySample&) { return "conv_dysample"; },
                 [](const DetectDecode&) { return "detect_decode"; }},
      step);
}

std::string shape_of(const Step& step) {
  return std::visit(
      Overloaded{[](const Conv2d& op) { return text(op); }, [](const Conv2dInt8& op) { return text(op.conv); },
                 [](const MaxPool& op) {
                   return text(op.x) + " k" + text(op.kernel) + optional_text("s", op.stride, 1) +
                          optional_text("p", op.pad, 0);
                 },
                 [](const MaxPoolChain& op) { return text(op.x) + " k" + text(op.kernel) + " x" + text(op.count); },
                 [](const Upsample& op) { return text(op.x) + " x" + text(op.scale); },
                 [](const Copy& op) { return text(op.x); }, [](const DySample& op) { return sampling(op); },
                 [](const ConvDySample& op) { return sampling(op.sample); },
                 [](const DetectDecode& op) { return text(op); }},
      step);
}

}  // namespace cudet
