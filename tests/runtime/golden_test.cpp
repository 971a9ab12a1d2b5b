// Real networks, converted from their checkpoints, on the CPU against values of the PyTorch reference.
#include "tests/runtime/golden.h"

#include "tests/runtime/network.h"

namespace cudet::test {
namespace {

using Json = nlohmann::json;

class Golden : public GoldenTest {};

TEST_P(Golden, RawOutputMatchesReference) {
  const Safetensors file = golden();
  for (const char* picture : {"bus", "zidane384x640"}) {
    const StoredTensor& input = *file.find(std::string(picture) + ".input_u8");
    Network network(*model_, Network::Kernels::cpu, 1,
                    {static_cast<int>(input.shape[0]), static_cast<int>(input.shape[1])});
    network.set_input(0, input);
    network.run();
    const std::vector<float> want = file.find(std::string(picture) + ".output0")->to_f32();
    const std::vector<float> got = network.channels_first(network.program.output);
    ASSERT_EQ(got.size(), want.size());
    const RawDifference off = raw_difference(got, want, static_cast<std::size_t>(network.program.output.w));
    EXPECT_TRUE(off.box <= 0.02) << picture << ": " << off.box << " px";
    EXPECT_TRUE(off.score <= 5e-5) << picture << ": " << off.score;
  }
}

TEST_P(Golden, EveryRowMatchesReference) {
  const Json layers = read_json("golden/layers.json")[GetParam()];
  ASSERT_FALSE(layers.empty());
  const Safetensors file = golden();
  Network network(*model_, Network::Kernels::cpu, 1, {640, 640}, true);
  network.set_input(0, *file.find("bus.input_u8"));
  network.run();
  for (const Json& want : layers) {
    const Tensor& row = network.program.rows[want["layer"].get<std::size_t>()];
    SCOPED_TRACE("row " + want["layer"].dump());
    ASSERT_EQ((std::vector<int>{1, row.c, row.h, row.w}), want["shape"].get<std::vector<int>>());
    const std::vector<float> got = network.channels_first(row);
    double sum = 0, squares = 0, largest = 0;
    for (const float v : got) {
      sum += v;
      squares += static_cast<double>(v) * v;
      largest = std::max(largest, std::abs(static_cast<double>(v)));
    }
    const double count = static_cast<double>(got.size()), mean = sum / count;
    const double deviation = std::sqrt((squares - sum * mean) / (count - 1));
    const double most = want["abs_max"], tolerance = 1e-5 * most + 1e-5;  // the file has five decimals
    EXPECT_TRUE(std::abs(mean - want["mean"].get<double>()) <= tolerance) << mean;
    EXPECT_TRUE(std::abs(deviation - want["std"].get<double>()) <= tolerance) << deviation;
    EXPECT_TRUE(std::abs(largest - most) <= tolerance) << largest;
    const std::size_t plane = static_cast<std::size_t>(row.h) * row.w,
                      centre = plane / 2 + static_cast<std::size_t>(row.w) / 2;
    for (std::size_t c = 0; c < 8; ++c)
      EXPECT_TRUE(std::abs(got[c * plane + centre] - want["first8"][c].get<double>()) <= tolerance) << "channel " << c;
  }
}

TEST_P(Golden, DetectionsMatchReference) {
  const Json golden_detections = read_json("golden/detections.json");
  for (const Fit fit : {Fit::least, Fit::whole}) {
    Detector detector(*model_, {.device = Device::cpu, .input = {640, 640}, .fit = fit});
    const std::string key = std::string(GetParam()) + (fit == Fit::least ? " rect" : " square");
    ASSERT_TRUE(golden_detections.contains(key)) << key;
    for (const auto& [name, want] : golden_detections[key].items()) {
      SCOPED_TRACE(key + ", " + name);
      const DecodedImage file = picture(name);
      expect_detections(detector.detect(file.image.frame()).detections, detections_of(want), kDecoder);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Networks, Golden, testing::Values("yolov8n", "yolov8n-dysample"));

}  // namespace
}  // namespace cudet::test
