// Detectors on a CUDA device against detectors on the CPU and values of the PyTorch reference. The tests run on the
// fiber device (tests/simt), on the emulated device and on a GPU.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <thread>

#include "runtime/compile/device_memory.h"
#include "runtime/compile/lowering.h"
#include "runtime/engine.h"
#include "tests/kernels/device.h"
#include "tests/runtime/huge_weights.h"
#include "tests/runtime/network.h"
#include "tests/runtime/pictures.h"

namespace cudet::test {
namespace {

const char* const kPlain = "tests/data/tiny/plain.json";
const DetectOptions kLow{.confidence = 0.01f, .iou = 0.7f, .classes = {}, .agnostic = false, .max_detections = 30000};

class CudaEngine : public testing::Test {
 protected:
  static Detector on_cuda(const char* model, DetectorOptions options = {}) {
    options.device = Device::cuda;
    return Detector(Model::load(model), options);
  }
  static Detector on_cpu(const char* model, DetectorOptions options = {}) {
    options.device = Device::cpu;
    return Detector(Model::load(model), options);
  }
};

bool near(const Detection& a, const Detection& b) {
  const auto apart = [](float x, float y) { return std::abs(x - y); };
  return a.class_id == b.class_id && apart(a.score, b.score) <= 1e-4f && apart(a.x1, b.x1) <= 0.01f &&
         apart(a.y1, b.y1) <= 0.01f && apart(a.x2, b.x2) <= 0.01f && apart(a.y2, b.y2) <= 0.01f;
}

// Expects each detection of one result to have a match in the other, except a few (4 %) near a threshold.
void expect_near(const Result& got, const Result& want) {
  ASSERT_FALSE(want.detections.empty());
  const auto strangers = [](const Result& of, const Result& among) {
    return static_cast<std::size_t>(std::count_if(of.detections.begin(), of.detections.end(), [&](const Detection& d) {
      return std::none_of(among.detections.begin(), among.detections.end(),
                          [&](const Detection& other) { return near(d, other); });
    }));
  };
  EXPECT_LE(strangers(got, want), want.detections.size() / 25);
  EXPECT_LE(strangers(want, got), want.detections.size() / 25);
}

struct Case {
  const char* name;
  Precision precision;
};

class CudaGolden : public CudaEngine, public testing::WithParamInterface<Case> {};

/// Root mean square differences.
RawDifference typical_difference(const std::vector<float>& got, const std::vector<float>& want, std::size_t anchors) {
  RawDifference sum;
  for (std::size_t i = 0; i < want.size(); ++i) {
    const double difference = static_cast<double>(got[i]) - want[i];
    (i / anchors < 4 ? sum.box : sum.score) += difference * difference;
  }
  const double boxes = 4 * static_cast<double>(anchors), scores = static_cast<double>(want.size()) - boxes;
  return {std::sqrt(sum.box / boxes), std::sqrt(sum.score / scores)};
}

// fp32 is as close to the reference as the CPU. f16 has 11 bits, so each layer adds an error of 2^-11 of its values. In
// these networks with random weights, DySample's sampling points and the distributions over 16 bins (boxes of up to
// 175 px) amplify it to a few tenths of a pixel, and to pixels at worst.
TEST_P(CudaGolden, RawOutput) {
  const bool half = GetParam().precision == Precision::fp16;
  if (const std::string why = half ? why_no_fp16() : ""; !why.empty()) GTEST_SKIP() << why;
  const std::string stem = std::string("tests/data/tiny/") + GetParam().name;
  const Safetensors golden = Safetensors::read(stem + ".golden.safetensors");
  const StoredTensor& picture = *golden.find("input_u8");
  const int height = static_cast<int>(picture.shape[0]), width = static_cast<int>(picture.shape[1]);
  const Frame frame{reinterpret_cast<const std::uint8_t*>(picture.data.data()), width, height, width * 3,
                    PixelFormat::rgb};
  Detector detector = on_cuda((stem + ".json").c_str(), {.precision = GetParam().precision, .fit = Fit::whole});
  EXPECT_EQ(detector.device(), Device::cuda);
  EXPECT_EQ(detector.fallback(), "");
  std::vector<RawOutput> raw;
  detector.detect({&frame, 1}, {}, &raw);
  ASSERT_EQ(raw.size(), 1u);
  EXPECT_EQ(raw[0].input, (Size{height, width}));
  ASSERT_EQ(raw[0].pixels.size(), picture.data.size());
  for (std::size_t i = 0; i < picture.data.size(); ++i) {
    const float want = static_cast<float>(std::to_integer<int>(picture.data[i])) / 255.0f;
    ASSERT_LE(std::abs(raw[0].pixels[i] - want), half ? 0x1p-12f : 0) << i;
  }
  const std::vector<float> want = golden.find("output0")->to_f32();
  ASSERT_EQ(raw[0].values.size(), want.size());
  const std::size_t anchors = static_cast<std::size_t>(raw[0].anchors);
  const RawDifference worst = raw_difference(raw[0].values, want, anchors),
                      typical = typical_difference(raw[0].values, want, anchors);
  EXPECT_TRUE(worst.box <= (half ? 4.0 : 2e-3)) << worst.box << " px";
  EXPECT_TRUE(worst.score <= (half ? 0.1 : 5e-5)) << worst.score;
  EXPECT_TRUE(typical.box <= (half ? 0.25 : 2e-4)) << typical.box << " px";
  EXPECT_TRUE(typical.score <= (half ? 0.01 : 1e-5)) << typical.score;
}

INSTANTIATE_TEST_SUITE_P(Models, CudaGolden,
                         testing::Values(Case{"plain", Precision::fp32}, Case{"dysample", Precision::fp32},
                                         Case{"dysample_pl", Precision::fp32}, Case{"folded", Precision::fp32},
                                         Case{"odd", Precision::fp32}, Case{"stride12", Precision::fp32},
                                         Case{"three_levels", Precision::fp32}, Case{"plain", Precision::fp16},
                                         Case{"dysample", Precision::fp16}, Case{"dysample_pl", Precision::fp16},
                                         Case{"odd", Precision::fp16}, Case{"resized", Precision::fp32},
                                         Case{"resized", Precision::fp16}, Case{"three_levels", Precision::fp16}),
                         [](const auto& test) {
                           return std::string(test.param.name) +
                                  (test.param.precision == Precision::fp16 ? "_fp16" : "_fp32");
                         });

TEST_F(CudaEngine, FindsTheDetectionsOfTheCpu) {
  Detector cuda = on_cuda(kPlain), cpu = on_cpu(kPlain);
  const Picture wide(70, 40, 1), tall(40, 70, 2, PixelFormat::bgra), grey(64, 64, 3, PixelFormat::grey);
  const std::vector<std::vector<Frame>> batches = {
      {wide.frame}, {tall.frame, tall.frame}, {wide.frame, tall.frame, grey.frame}, {grey.frame}};
  for (int round = 0; round < 2; ++round)  // as single launches, then as a graph
    for (const std::vector<Frame>& batch : batches) {
      const std::vector<Result> got = cuda.detect(batch, kLow), want = cpu.detect(batch, kLow);
      ASSERT_EQ(got.size(), batch.size());
      for (std::size_t i = 0; i < batch.size(); ++i) expect_near(got[i], want[i]);
    }
}

TEST_F(CudaEngine, OptionsFilterDetections) {
  Detector detector = on_cuda(kPlain, {.input = {160, 160}});
  const Picture picture(160, 160, 3);
  const Result all = detector.detect(picture.frame, kLow);
  DetectOptions options = kLow;
  options.classes = {1};
  const Result one = detector.detect(picture.frame, options);
  Result of_class;
  for (const Detection& d : all.detections)
    if (d.class_id == 1) of_class.detections.push_back(d);
  expect_equal(one, of_class);
  options = kLow;
  options.max_detections = 1;
  const Result first = detector.detect(picture.frame, options);
  ASSERT_EQ(first.detections.size(), 1u);
  EXPECT_EQ(first.detections[0].score, all.detections.at(0).score);
  options = kLow;
  options.iou = 1;  // suppresses almost no box
  const Result many = detector.detect(picture.frame, options);
  EXPECT_GT(many.detections.size(), 300u);
  options.max_detections = 300;
  EXPECT_EQ(detector.detect(picture.frame, options).detections.size(), 300u);
  options = kLow;
  options.confidence = 1;
  EXPECT_TRUE(detector.detect(picture.frame, options).detections.empty());
  expect_equal(detector.detect(picture.frame, kLow), all);  // a call leaves no state behind
}

// More sizes than the engine keeps programs for, growing and shrinking: programs are dropped and compiled again, and
// memory grows.
TEST_F(CudaEngine, RecompilingDroppedSizesKeepsResults) {
  Detector detector = on_cuda("tests/data/tiny/stride12.json", {.input = {240, 96}});
  std::vector<Result> first;
  for (int round = 0; round < 2; ++round)
    for (int i = 0; i < 10; ++i) {
      const Picture picture(96, 24 * (i + 1), static_cast<unsigned>(i));
      const Result result = detector.detect(picture.frame, kLow);
      if (round == 0)
        first.push_back(result);
      else
        expect_equal(result, first[static_cast<std::size_t>(i)]);
    }
}

TEST_F(CudaEngine, ReadsFramesOnTheDevice) {
  Detector detector = on_cuda(kPlain);
  for (const PixelFormat format : {PixelFormat::rgb, PixelFormat::bgra, PixelFormat::nv12}) {
    const int width = 62, height = 46, rows = format == PixelFormat::nv12 ? height * 3 / 2 : height;
    const Picture whole(width, rows, 7, format);
    Frame frame = whole.frame;
    frame.height = height;
    const Result want = detector.detect(frame, kLow);
    EXPECT_FALSE(want.detections.empty());

    const DeviceArray<std::uint8_t> copy(whole.pixels);
    frame.data = copy.data();
    frame.on_device = true;
    expect_equal(detector.detect(frame, kLow), want);

    // Pixels of the host are refused before a kernel reads them, and the detector works on.
    Frame hosts = whole.frame;
    hosts.height = height;
    hosts.on_device = true;
    EXPECT_EQ(error_of([&] { detector.detect(hosts, kLow); }),
              "a frame with on_device has pixels in the host's memory");
    expect_equal(detector.detect(frame, kLow), want);

    // The detector waits for the pending work of the frame's stream.
    const DeviceArray<std::uint8_t> later(std::vector<std::uint8_t>(whole.pixels.size(), 0));
    check(cudaDeviceSynchronize(), "fill");
    cudaStream_t stream;
    check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "stream");
    check(cudaMemcpyAsync(later.data(), copy.data(), whole.pixels.size(), cudaMemcpyDeviceToDevice, stream), "copy");
    DetectOptions options = kLow;
    options.stream = stream;
    frame.data = later.data();
    expect_equal(detector.detect(frame, options), want);
    check(cudaStreamDestroy(stream), "stream");
  }
}

TEST_F(CudaEngine, ReadsImagesLargerThanItsStripBuffer) {
  const Picture large(1700, 1300, 11);
  ASSERT_GT(large.pixels.size(), 3 * kStripBytes);
  Detector cuda = on_cuda(kPlain), cpu = on_cpu(kPlain);
  std::vector<RawOutput> got, want;
  cuda.detect({&large.frame, 1}, {}, &got);
  cpu.detect({&large.frame, 1}, {}, &want);
  EXPECT_EQ(got.at(0).pixels, want.at(0).pixels);
  const Picture wider(3 << 18, 2, 12, PixelFormat::rgba);
  EXPECT_NE(error_of([&] { cuda.detect(wider.frame); }).find("786432 pixels wide"), std::string::npos);
  expect_near(cuda.detect(large.frame, kLow), cpu.detect(large.frame, kLow));
}

TEST_F(CudaEngine, OverlapsTwoBatches) {
  Detector detector = on_cuda(kPlain);
  const Picture a(70, 40, 1), b(40, 70, 2), large(900, 800, 3);
  const std::vector<std::vector<Frame>> batches = {{a.frame}, {a.frame}, {b.frame, b.frame}, {large.frame}, {b.frame}};
  std::vector<std::vector<Result>> want;
  for (const std::vector<Frame>& batch : batches) want.push_back(on_cuda(kPlain).detect(batch, kLow));
  const auto expect = [&](std::size_t of) {
    const std::vector<Result> got = detector.collect();
    ASSERT_EQ(got.size(), want[of].size());
    for (std::size_t i = 0; i < got.size(); ++i) expect_equal(got[i], want[of][i]);
  };
  for (int round = 0; round < 2; ++round) {  // in the first round, memory grows while a batch is in flight
    detector.submit(batches[0], kLow);
    for (std::size_t next = 1; next < batches.size(); ++next) {
      detector.submit(batches[next], kLow);
      EXPECT_THROW(detector.submit(batches[0]), Error);
      expect(next - 1);
    }
    expect(batches.size() - 1);
  }
  const Picture wider(3 << 18, 2, 12, PixelFormat::rgba);  // fails while the first batch is in flight
  detector.submit(batches[2], kLow);
  EXPECT_THROW(detector.submit({&wider.frame, 1}), Error);
  expect(2);
  EXPECT_THROW(detector.collect(), Error);
  detector.submit(batches[1], kLow);  // in flight when the detector is destroyed
}

TEST_F(CudaEngine, ServesSeveralThreads) {
  Detector detector = on_cuda(kPlain);
  const Picture a(60, 40, 3), b(40, 60, 4);
  const Result want_a = detector.detect(a.frame, kLow), want_b = detector.detect(b.frame, kLow);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 3; ++i)
        expect_equal(detector.detect(t % 2 ? a.frame : b.frame, kLow), t % 2 ? want_a : want_b);
    });
  for (std::thread& thread : threads) thread.join();
}

TEST_F(CudaEngine, UsesTheMemoryThatInspectReports) {
  const Model model = Model::load("tests/data/tiny/dysample.json");
  int multiprocessors = 0;
  check(cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, 0), "device");
  const Graph& graph = model.impl().graph;
  const PackedWeights packed = pack_for_cuda(graph, Type::f32);
  const CudaMemory memory =
      cuda_memory(compile(graph, packed, 2, {64, 96}, false, {Type::f32, true, 1, multiprocessors}));
  EXPECT_EQ(memory.weights, packed.bytes.bytes());
  const std::unique_ptr<Engine> engine =
      make_cuda_engine(model, {{64, 96}, Fit::whole, model.stride()}, {Precision::fp32});
  EXPECT_EQ(engine->device_bytes(), memory.weights + memory.strip);
  const Picture picture(70, 40, 1);
  const Frame frames[] = {picture.frame, picture.frame};
  engine->submit(frames, kLow, nullptr);
  engine->collect();
  EXPECT_EQ(engine->device_bytes(), memory.total());
}

TEST_F(CudaEngine, RunsOnTheChosenDevice) {
  const Model model = Model::load("tests/data/tiny/plain.json");
  const Picture picture(70, 40, 1);
  Detector first(model, {.device = Device::cuda, .cuda_device = 0}), current(model, {.device = Device::cuda});
  expect_equal(first.detect(picture.frame, kLow), current.detect(picture.frame, kLow));
  int count = 0;
  check(cudaGetDeviceCount(&count), "devices");
  EXPECT_NE(error_of([&] {
              Detector(model, {.device = Device::cuda, .cuda_device = count});
            }).find("there is no CUDA device " + std::to_string(count)),
            std::string::npos);
}

TEST_F(CudaEngine, TellsValuesThatAreNotFinite) {
  const TemporaryFolder folder;
  const Picture picture(70, 40, 1);
  for (const Executor executor : {Executor::automatic, Executor::graph}) {
    Detector huge(huge_weights_model(folder), {.device = Device::cuda, .executor = executor});
    Detector sound(Model::load("tests/data/tiny/plain.json"), {.device = Device::cuda, .executor = executor});
    for (int round = 0; round < 2; ++round) {
      const Result result = huge.detect(picture.frame, kLow);
      EXPECT_FALSE(result.finite);
      EXPECT_TRUE(result.detections.empty());
      EXPECT_TRUE(sound.detect(picture.frame, kLow).finite);
    }
  }
}

}  // namespace
}  // namespace cudet::test
