// Small networks of the project (tests/data/tiny) against values of the PyTorch reference.
#include "tests/runtime/network.h"

#include <gtest/gtest.h>

#include <cmath>

namespace cudet::test {

// Tolerances: boxes in pixels, scores, rows as a fraction of their largest value. PyTorch itself in f32 is off by a
// quarter of them.
constexpr double kBox = 2e-3, kScore = 5e-5, kRow = 5e-5;

class TinyNetwork : public testing::TestWithParam<std::tuple<const char*, Network::Kernels>> {};

TEST_P(TinyNetwork, MatchesReference) {
  const auto [name, kernels] = GetParam();
  const std::string stem = std::string("tests/data/tiny/") + name;
  const Model model = Model::load(stem + ".json");
  const Safetensors golden = Safetensors::read(stem + ".golden.safetensors");
  const StoredTensor& picture = *golden.find("input_u8");
  Network network(model, kernels, 1, {static_cast<int>(picture.shape[0]), static_cast<int>(picture.shape[1])}, true);
  network.set_input(0, picture);
  network.run();

  for (std::size_t row = 0; row < network.program.rows.size(); ++row) {
    const StoredTensor* want = golden.find("row." + std::to_string(row));
    if (!want) continue;
    const std::vector<float> values = want->to_f32(), got = network.channels_first(network.program.rows[row]);
    ASSERT_EQ(got.size(), values.size()) << "row " << row;
    double largest = 0, worst = 0;
    for (std::size_t i = 0; i < got.size(); ++i) {
      largest = std::max(largest, std::abs(static_cast<double>(values[i])));
      const double difference = std::abs(static_cast<double>(got[i]) - values[i]);
      if (!(difference <= worst)) worst = difference;
    }
    EXPECT_TRUE(worst <= kRow * largest) << "row " << row << ": off by " << worst << " of " << largest;
  }

  const std::vector<float> want = golden.find("output0")->to_f32();
  const std::vector<float> got = network.channels_first(network.program.output);
  ASSERT_EQ(got.size(), want.size());
  const RawDifference off = raw_difference(got, want, static_cast<std::size_t>(network.program.output.w));
  EXPECT_TRUE(off.box <= kBox) << off.box << " px";
  EXPECT_TRUE(off.score <= kScore) << off.score;
}

INSTANTIATE_TEST_SUITE_P(Models, TinyNetwork,
                         testing::Combine(testing::Values("plain", "dysample", "dysample_pl", "folded", "odd",
                                                          "resized", "stride12", "three_levels"),
                                          testing::Values(Network::Kernels::reference, Network::Kernels::cpu)),
                         [](const auto& test) {
                           return std::string(std::get<0>(test.param)) +
                                  (std::get<1>(test.param) == Network::Kernels::cpu ? "_cpu" : "_reference");
                         });

// Images of a batch are independent, and buffers that share memory are never live at the same time.
TEST(Network, BatchAndSharedMemoryDoNotChangeResults) {
  const Model model = Model::load("tests/data/tiny/odd.json");
  const Safetensors golden = Safetensors::read("tests/data/tiny/odd.golden.safetensors");
  const StoredTensor& picture = *golden.find("input_u8");
  std::vector<std::byte> reversed(picture.data.rbegin(), picture.data.rend());
  const StoredTensor other{picture.dtype, picture.shape, reversed};
  const Extent size{static_cast<int>(picture.shape[0]), static_cast<int>(picture.shape[1])};

  Network apart(model, Network::Kernels::cpu, 1, size, true, 1);
  apart.set_input(0, picture);
  apart.run();
  const std::vector<float> first = apart.channels_first(apart.program.output);
  apart.set_input(0, other);
  apart.run();
  const std::vector<float> second = apart.channels_first(apart.program.output);
  ASSERT_NE(first, second);

  Network together(model, Network::Kernels::cpu, 3, size, false, 3);
  ASSERT_LT(together.program.memory.bytes, together.program.activation_bytes);
  together.set_input(0, other);
  together.set_input(1, picture);
  together.set_input(2, other);
  together.run();
  EXPECT_EQ(together.channels_first(together.program.output, 0), second);
  EXPECT_EQ(together.channels_first(together.program.output, 1), first);
  EXPECT_EQ(together.channels_first(together.program.output, 2), second);
}

}  // namespace cudet::test
