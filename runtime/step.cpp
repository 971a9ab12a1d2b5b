#include "runtime/step.h"

#include <utility>

#include "kernels/error.h"
#include "kernels/shape_text.h"

namespace cudet {
namespace {

/// Calls f with a default-constructed operator of each alternative.
template <class F, std::size_t... index>
void for_each_operator(const F& f, std::index_sequence<index...>) {
  (f(std::variant_alternative_t<index, Step>{}), ...);
}
template <class F>
void for_each_operator(const F& f) {
  for_each_operator(f, std::make_index_sequence<std::variant_size_v<Step>>());
}

}  // namespace

const char* step_name(const Step& step) {
  return std::visit([](const auto& op) { return op.kName; }, step);
}

StepInfo step_info(const Step& step) {
  return std::visit([](const auto& op) { return describe(op); }, step);
}

std::string shape_text(const Step& step) {
  const StepInfo info = step_info(step);
  return info.attributes.empty() ? info.sizes : info.sizes + " " + info.attributes;
}

const Conv2d* convolution(const Step& step) {
  if (const auto* fused = std::get_if<ConvDySample>(&step)) return &fused->conv;
  return std::get_if<Conv2d>(&step);
}

Step parse_step(std::string_view name, std::string_view shape) {
  Step step;
  std::string names;
  bool found = false;
  for_each_operator([&](auto op) {
    names += (names.empty() ? "" : ", ") + std::string(op.kName);
    if (name != op.kName) return;
    found = true;
    try {
      ShapeParser parser(shape);
      parse_shape(parser, op);
      parser.finish();
    } catch (const Error& error) {
      throw Error(std::string(name) + " " + std::string(shape) + ": " + error.what());
    }
    step = op;
  });
  if (!found) throw Error(quoted(name) + " is not an operator: " + names);
  return step;
}

}  // namespace cudet
