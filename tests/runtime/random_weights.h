// Random weights for a network description without weights.
#pragma once
#include <cmath>
#include <random>

#include "layers/layer.h"

namespace cudet::test {

/// Random weights, scaled so that activations keep their magnitude from layer to layer and few scores exceed 0.25.
class RandomWeights final : public WeightSource {
 public:
  explicit RandomWeights(unsigned seed) : seed_(seed) {}

  bool has(const std::string&) const override { return false; }
  std::vector<int> shape(const std::string&) const override { return {}; }
  Values values(const std::string& name, const std::vector<int>& shape) const override {
    const std::size_t size = element_count(shape);
    const bool score_bias = name.find(".cv3.") != std::string::npos && name.ends_with(".2.bias");
    const bool positive = name.ends_with(".bn.weight") || name.ends_with(".bn.running_var");
    const float spread =
        shape.size() == 1 ? 0.25f : std::sqrt(6.0f * static_cast<float>(shape[0]) / static_cast<float>(size));
    const float mean = score_bias ? -6.0f : positive ? 1.0f : 0.0f;
    return [=, seed = seed_ + std::hash<std::string>{}(name)](std::span<float> out) {
      std::mt19937 random(static_cast<std::mt19937::result_type>(seed));
      std::uniform_real_distribution<float> draw(mean - spread, mean + spread);
      for (float& value : out) value = draw(random);
    };
  }

 private:
  unsigned seed_;
};

}  // namespace cudet::test
