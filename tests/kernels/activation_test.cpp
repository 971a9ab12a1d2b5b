#include "kernels/activation.h"

#include <gtest/gtest.h>

#include "tests/error_of.h"

namespace cudet::test {
namespace {

// Expected values: torch.nn's modules.
TEST(Activation, MatchesPyTorch) {
  const auto at = [](Activation kind, double x) { return activate({kind, 0.1f}, x); };
  EXPECT_NEAR(at(Activation::silu, 1.5), 1.2263617, 1e-6);
  EXPECT_EQ(at(Activation::relu, -2), 0);
  EXPECT_EQ(at(Activation::relu6, 7), 6);
  EXPECT_NEAR(at(Activation::leaky_relu, -2), -0.2, 1e-7);
  EXPECT_NEAR(at(Activation::hardswish, 1), 0.6666667, 1e-6);
  EXPECT_NEAR(at(Activation::gelu, 1), 0.8413447, 1e-6);
  EXPECT_NEAR(at(Activation::gelu, -0.5), -0.1542688, 1e-6);
  EXPECT_NEAR(at(Activation::mish, 1), 0.8650984, 1e-6);
  EXPECT_EQ(at(Activation::none, -3), -3);
}

TEST(Activation, TextIsReadBack) {
  for (const Activation kind : kActivations) {
    const ActivationFunction function{kind, kind == Activation::leaky_relu ? 0.1f : 0};
    EXPECT_EQ(parse_function(to_text(function)), function) << to_text(function);
  }
  EXPECT_EQ(to_text(ActivationFunction{Activation::leaky_relu, 0.1f}), "leaky_relu(0.1)");
  EXPECT_EQ(parse_function("leaky_relu").slope, 0.01f);
  EXPECT_EQ(parse_function("none").kind, Activation::none);
}

TEST(Activation, RefusesOthers) {
  for (const char* text : {"", "swish", "relu(", "relu(1)", "leaky_relu(", "leaky_relu()", "leaky_relu(x)",
                           "leaky_relu(0.1", "leaky_relu(inf)"})
    EXPECT_NE(error_of([&] { parse_function(text); }).find("is not supported"), std::string::npos) << text;
}

}  // namespace
}  // namespace cudet::test
