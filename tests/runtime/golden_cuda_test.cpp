// Real networks on a CUDA device, at full size, against values of the PyTorch reference and against the CPU. They take
// seconds on the fiber device (tests/simt), so there are few; `--gtest_filter=-WholeNetwork*` omits them.
#include "tests/kernels/device.h"
#include "tests/runtime/golden.h"
#include "tests/runtime/network.h"

namespace cudet::test {
namespace {

constexpr DetectorOptions on_cuda(Precision precision, Fit fit = Fit::least) {
  return {.device = Device::cuda, .precision = precision, .input = {640, 640}, .fit = fit};
}

/// Runs the network on PREFIXinput_u8 of the golden file, and compares its output with PREFIXoutput0.
void expect_raw_output(const Model& model, const Safetensors& golden, const std::string& prefix) {
  const StoredTensor& input = *golden.find(prefix + "input_u8");
  const int height = static_cast<int>(input.shape[0]), width = static_cast<int>(input.shape[1]);
  const Frame frame{reinterpret_cast<const std::uint8_t*>(input.data.data()), width, height, 3 * width,
                    PixelFormat::rgb};
  DetectorOptions options = on_cuda(Precision::fp32, Fit::whole);
  options.input = {height, width};  // the letterbox then changes nothing
  std::vector<RawOutput> raw;
  Detector(model, options).detect({&frame, 1}, {}, &raw);
  ASSERT_EQ(raw.at(0).input, options.input);
  const std::vector<float> want = golden.find(prefix + "output0")->to_f32();
  ASSERT_EQ(raw[0].values.size(), want.size());
  const RawDifference off = raw_difference(raw[0].values, want, static_cast<std::size_t>(raw[0].anchors));
  EXPECT_TRUE(off.box <= 0.02) << off.box << " px";
  EXPECT_TRUE(off.score <= 5e-5) << off.score;
}

class WholeNetworkCuda : public GoldenTest {};

TEST_P(WholeNetworkCuda, RawOutput) {
  expect_raw_output(*model_, golden(), GetParam() == std::string("yolov8n") ? "bus." : "zidane384x640.");
}

// The error of f16 is far below the tolerance: each layer adds 2^-11 of its values, which mostly averages out.
TEST_P(WholeNetworkCuda, HalfPrecision) {
  if (const std::string why = why_no_fp16(); !why.empty()) GTEST_SKIP() << why;
  const DecodedImage bus = picture("bus.jpg");
  const Frame frame = bus.image.frame();
  const std::vector<Detection> half = Detector(*model_, on_cuda(Precision::fp16)).detect(frame).detections,
                               single = Detector(*model_, on_cuda(Precision::fp32)).detect(frame).detections;
  const Apart halved{1.5, 0.02};
  expect_detections(half, single, halved);
  const std::vector<Detection> want =
      detections_of(read_json("golden/detections.json")[GetParam() + std::string(" rect")]["bus.jpg"]);
  ASSERT_FALSE(want.empty());
  expect_detections(single, want, kDecoder);
  expect_detections(half, want, {kDecoder.corner + halved.corner, kDecoder.score + halved.score});
}

INSTANTIATE_TEST_SUITE_P(Networks, WholeNetworkCuda, testing::Values("yolov8n", "yolov8n-dysample"));

// The project's own network needs no file outside of the repository.
TEST(WholeNetworkCudaOwn, RawOutput) {
  expect_raw_output(Model::load("weights/codes.json"), Safetensors::read("tests/data/codes/golden.safetensors"), "");
}

class WholeNetworkCudaCodes : public testing::TestWithParam<Precision> {};

TEST_P(WholeNetworkCudaCodes, FindsTheDetectionsOfTheCpu) {
  const bool half = GetParam() == Precision::fp16;
  if (const std::string why = half ? why_no_fp16() : ""; !why.empty()) GTEST_SKIP() << why;
  const Model model = Model::load("weights/codes.json");
  const std::string name = "weights/demo/conveyor.jpg";
  const DecodedImage picture = decode_image(read_file(name), name, 100'000'000);
  const Frame frame = picture.image.frame();
  const std::vector<Detection> want = Detector(model, {.device = Device::cpu}).detect(frame).detections;
  EXPECT_GE(want.size(), 5u);
  Detector detector(model, {.device = Device::cuda, .precision = GetParam()});
  expect_detections(detector.detect(frame).detections, want, half ? Apart{1.5, 0.02} : Apart{0.01, 1e-4});
}

INSTANTIATE_TEST_SUITE_P(Precisions, WholeNetworkCudaCodes, testing::Values(Precision::fp32, Precision::fp16),
                         [](const auto& test) { return test.param == Precision::fp16 ? "fp16" : "fp32"; });

}  // namespace
}  // namespace cudet::test
