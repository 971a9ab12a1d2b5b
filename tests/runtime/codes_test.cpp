// The trained model in weights/codes, on an image of weights/demo.
#include <gtest/gtest.h>

#include "tests/runtime/network.h"

namespace cudet::test {
namespace {

TEST(Codes, RawOutputMatchesReference) {
  const Safetensors golden = Safetensors::read("tests/data/codes/golden.safetensors");
  const StoredTensor& picture = *golden.find("input_u8");
  const Extent size{static_cast<int>(picture.shape[0]), static_cast<int>(picture.shape[1])};
  const std::vector<float> want = golden.find("output0")->to_f32();
  for (const Network::Kernels kernels : {Network::Kernels::reference, Network::Kernels::cpu}) {
    Network network(Model::load("weights/codes.json"), kernels, 1, size);
    network.set_input(0, picture);
    network.run();
    const std::vector<float> got = network.channels_first(network.program.output);
    ASSERT_EQ(got.size(), want.size());
    const RawDifference off = raw_difference(got, want, static_cast<std::size_t>(network.program.output.w));
    EXPECT_TRUE(off.box <= 0.02) << off.box << " px";
    EXPECT_TRUE(off.score <= 5e-5) << off.score;
  }
}

}  // namespace
}  // namespace cudet::test
