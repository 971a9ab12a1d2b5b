#include "kernels/activation.h"

#include <array>
#include <charconv>
#include <cmath>

#include "kernels/error.h"
#include "kernels/shape_text.h"

namespace cudet {
namespace {

constexpr std::array kActivationNames{"none", "silu", "relu", "relu6", "leaky_relu", "hardswish", "gelu", "mish"};

double relu6(double x) {
  return x < 0 ? 0 : x > 6 ? 6 : x;
}

}  // namespace

const char* activation_name(Activation kind) {
  return kActivationNames[static_cast<std::size_t>(kind)];
}

Activation parse_activation(std::string_view name) {
  for (std::size_t i = 0; i < kActivationNames.size(); ++i)
    if (name == kActivationNames[i]) return static_cast<Activation>(i);
  throw Error("activation " + std::string(name) + " is not supported");
}

std::string to_text(const ActivationFunction& f) {
  const std::string name = activation_name(f.kind);
  return f.kind == Activation::leaky_relu ? name + "(" + to_text(f.slope) + ")" : name;
}

ActivationFunction parse_function(std::string_view text) {
  const std::size_t parenthesis = text.find('(');
  ActivationFunction f{parse_activation(text.substr(0, parenthesis)), 0};
  if (f.kind == Activation::leaky_relu) f.slope = kDefaultSlope;
  if (parenthesis == text.npos) return f;
  const std::string_view rest = text.substr(parenthesis + 1);
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), f.slope);
  if (f.kind != Activation::leaky_relu || error != std::errc() || end == rest.data() + rest.size() ||
      std::string_view(end, rest.data() + rest.size()) != ")" || !std::isfinite(f.slope))
    throw Error("activation " + std::string(text) + " is not supported");
  return f;
}

double activate(const ActivationFunction& f, double x) {
  switch (f.kind) {
    case Activation::none:
      return x;
    case Activation::silu:
      return x / (1 + std::exp(-x));
    case Activation::relu:
      return x < 0 ? 0 : x;
    case Activation::relu6:
      return relu6(x);
    case Activation::leaky_relu:
      return x < 0 ? static_cast<double>(f.slope) * x : x;
    case Activation::hardswish:
      return x * relu6(x + 3) / 6;
    case Activation::gelu:
      return x * std::erfc(-x * std::sqrt(0.5)) / 2;
    case Activation::mish:
      return x * std::tanh(std::log1p(std::exp(x)));
  }
  throw Error("unknown activation");
}

}  // namespace cudet
