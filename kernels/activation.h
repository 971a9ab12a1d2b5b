// The activations that a convolution applies to its sums.
#pragma once
#include <string>
#include <string_view>

namespace cudet {

/// The functions of torch.nn, by their names. The order is that of their names in activation.cpp.
enum class Activation : unsigned char { none, silu, relu, relu6, leaky_relu, hardswish, gelu, mish };

/// All kinds but none.
constexpr Activation kActivations[] = {Activation::silu,       Activation::relu,      Activation::relu6,
                                       Activation::leaky_relu, Activation::hardswish, Activation::gelu,
                                       Activation::mish};

/// An activation and its parameter.
struct ActivationFunction {
  Activation kind = Activation::none;
  float slope = 0;  // of leaky_relu, for negative arguments

  bool operator==(const ActivationFunction& other) const { return kind == other.kind && slope == other.slope; }
  bool operator!=(const ActivationFunction& other) const { return !(*this == other); }
};

constexpr float kDefaultSlope = 0.01f;  // of torch.nn.LeakyReLU

/// The name of a kind: "leaky_relu".
const char* activation_name(Activation kind);
/// Returns the kind of that name. Throws Error if there is none.
Activation parse_activation(std::string_view name);

/// An activation as one word, "relu" or "leaky_relu(0.1)", and the inverse. Throws Error.
std::string to_text(const ActivationFunction& f);
ActivationFunction parse_function(std::string_view text);

/// Computes f(x) in double, for references:
///   silu x·σ(x); relu max(x, 0); relu6 min(max(x, 0), 6); leaky_relu x < 0 ? slope·x : x; hardswish x·relu6(x + 3)/6;
///   gelu x·Φ(x), Φ being the normal distribution; mish x·tanh(ln(1 + e^x)). NaN stays NaN.
double activate(const ActivationFunction& f, double x);

}  // namespace cudet
