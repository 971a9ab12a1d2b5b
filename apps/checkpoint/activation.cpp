#include "apps/checkpoint/activation.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "kernels/error.h"

namespace cudet::convert {
namespace {

constexpr std::pair<std::string_view, Activation> kKinds[] = {
    {"Identity", Activation::none},       {"SiLU", Activation::silu}, {"ReLU", Activation::relu},
    {"ReLU6", Activation::relu6},         {"GELU", Activation::gelu}, {"LeakyReLU", Activation::leaky_relu},
    {"Hardswish", Activation::hardswish}, {"Mish", Activation::mish}};

Activation find_kind(std::string_view name) {
  const auto known = std::find_if(std::begin(kKinds), std::end(kKinds), [&](const auto& k) { return k.first == name; });
  if (known == std::end(kKinds)) throw Error("activation " + std::string(name) + " is not supported");
  return known->second;
}

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  return first == text.npos ? "" : text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

}  // namespace

ActivationFunction read_activation(const TorchModule& module) {
  ActivationFunction function;
  try {
    function.kind = find_kind(module.kind());
  } catch (const Error& error) {
    throw module.fault(error.what());
  }
  if (function.kind == Activation::leaky_relu) {
    const auto slope = module.attribute("negative_slope");
    if (!slope || !slope->number() || !std::isfinite(*slope->number())) throw module.fault("negative_slope is missing");
    function.slope = static_cast<float>(*slope->number());
  }
  if (const auto approximate = module.attribute("approximate");
      function.kind == Activation::gelu && approximate && approximate->text() != "none")
    throw module.fault("only the exact GELU is supported");
  return function;
}

ActivationFunction parse_torch_activation(std::string_view text) {
  const Error unsupported("activation " + std::string(text) + " is not supported");
  const std::string_view whole = trim(text);
  const std::size_t parenthesis = whole.find('(');
  std::string_view name = whole.substr(0, parenthesis);
  name.remove_prefix(std::min(name.rfind('.') + 1, name.size()));  // rfind + 1 is 0 without a dot
  ActivationFunction function;
  try {
    function.kind = find_kind(name);
  } catch (const Error&) {
    throw unsupported;
  }
  if (function.kind == Activation::leaky_relu) function.slope = kDefaultSlope;
  if (parenthesis == whole.npos) return function;
  if (whole.back() != ')') throw unsupported;
  std::string_view rest = whole.substr(parenthesis + 1, whole.size() - parenthesis - 2);
  const bool leaky = function.kind == Activation::leaky_relu;
  for (int position = 0; !rest.empty(); ++position) {
    const std::size_t comma = rest.find(',');
    std::string_view argument = trim(rest.substr(0, comma));
    rest = comma == rest.npos ? "" : rest.substr(comma + 1);
    const bool inplace = argument.starts_with("inplace=") || argument == "True" || argument == "False";
    if (argument.empty() || (inplace && (!leaky || position > 0))) continue;
    const bool named = argument.starts_with("negative_slope=");
    if (named) argument.remove_prefix(argument.find('=') + 1);
    const auto [end, error] = std::from_chars(argument.data(), argument.data() + argument.size(), function.slope);
    if ((!named && position > 0) || function.kind != Activation::leaky_relu || error != std::errc() ||
        end != argument.data() + argument.size() || !std::isfinite(function.slope))
      throw unsupported;
  }
  return function;
}

}  // namespace cudet::convert
