// The public API: frames in, detections out.
#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <thread>

#include "runtime/cpu/cores.h"
#include "runtime/cpu/executor.h"
#include "runtime/cudet.h"
#include "runtime/model/model.h"
#include "tests/runtime/allocations.h"
#include "tests/runtime/huge_weights.h"
#include "tests/runtime/network.h"
#include "tests/runtime/pictures.h"

namespace cudet::test {
namespace {

const char* const kPlain = "tests/data/tiny/plain.json";

const DetectorOptions kCpu{.device = Device::cpu};
const DetectOptions kLow{.confidence = 0.01f, .iou = 0.7f, .classes = {}, .agnostic = false, .max_detections = 30000};

TEST(Detector, FindsBoxesWithinTheImage) {
  Detector detector(Model::load(kPlain), kCpu);
  const Picture picture(50, 41, 1);
  const Result result = detector.detect(picture.frame, kLow);
  ASSERT_FALSE(result.detections.empty());
  for (std::size_t i = 0; i < result.detections.size(); ++i) {
    const Detection& d = result.detections[i];
    EXPECT_TRUE(0 <= d.x1 && d.x1 <= d.x2 && d.x2 <= 50) << d.x1 << " " << d.x2;
    EXPECT_TRUE(0 <= d.y1 && d.y1 <= d.y2 && d.y2 <= 41) << d.y1 << " " << d.y2;
    EXPECT_TRUE(0.01f < d.score && d.score <= 1);
    EXPECT_TRUE(0 <= d.class_id && d.class_id < 3);
    if (i > 0) {
      EXPECT_LE(d.score, result.detections[i - 1].score);
    }
  }
}

TEST(Detector, PixelFormatAndStrideDoNotChangeTheResult) {
  Detector detector(Model::load(kPlain), kCpu);
  const Picture rgb(30, 20, 2);
  const Result want = detector.detect(rgb.frame, kLow);
  for (const PixelFormat format : {PixelFormat::bgr, PixelFormat::rgba, PixelFormat::bgra}) {
    const int bytes = channels(format), swap = format != PixelFormat::rgba;
    const std::ptrdiff_t stride = 30 * bytes + 7;
    std::vector<std::uint8_t> pixels(static_cast<std::size_t>(stride) * 20, 99);
    for (int y = 0; y < 20; ++y)  // bottom up
      for (int x = 0; x < 30; ++x)
        for (int c = 0; c < 3; ++c)
          pixels[static_cast<std::size_t>((19 - y) * stride + x * bytes + (swap ? 2 - c : c))] =
              rgb.pixels[static_cast<std::size_t>((y * 30 + x) * 3 + c)];
    expect_equal(detector.detect({pixels.data() + 19 * stride, 30, 20, -stride, format}, kLow), want);
  }
}

TEST(Detector, BatchGivesTheResultsOfSingleImages) {
  Detector detector(Model::load(kPlain), kCpu);
  const Picture a(60, 40, 3), b(60, 40, 4);
  const Frame frames[] = {a.frame, b.frame, a.frame};
  const std::vector<Result> batch = detector.detect(frames, kLow);
  ASSERT_EQ(batch.size(), 3u);
  expect_equal(batch[0], detector.detect(a.frame, kLow));
  expect_equal(batch[1], detector.detect(b.frame, kLow));
  expect_equal(batch[2], batch[0]);
  EXPECT_TRUE(detector.detect(std::span<const Frame>()).empty());
}

TEST(Detector, FitsTheInputToTheImages) {
  const auto input_of = [](DetectorOptions options, std::vector<Frame> frames) {
    Detector detector(Model::load(kPlain), options);
    std::vector<RawOutput> raw;
    detector.detect(frames, {}, &raw);
    EXPECT_EQ(raw.size(), frames.size());
    return raw.back().input;
  };
  const Picture wide(100, 30, 5), tall(30, 100, 6);
  EXPECT_EQ(input_of({.device = Device::cpu, .input = {96, 96}}, {wide.frame}), (Size{32, 96}));
  EXPECT_EQ(input_of({.device = Device::cpu, .input = {96, 96}}, {tall.frame}), (Size{96, 32}));
  EXPECT_EQ(input_of({.device = Device::cpu, .input = {96, 96}}, {wide.frame, wide.frame}), (Size{32, 96}));
  EXPECT_EQ(input_of({.device = Device::cpu, .input = {96, 96}}, {wide.frame, tall.frame}), (Size{96, 96}));
  EXPECT_EQ(input_of({.device = Device::cpu, .input = {96, 96}, .fit = Fit::whole}, {wide.frame}), (Size{96, 96}));
  EXPECT_EQ(input_of({.device = Device::cpu, .input = {33, 65}, .fit = Fit::whole}, {wide.frame}), (Size{64, 96}));
  EXPECT_EQ(input_of({.device = Device::cpu, .fit = Fit::whole}, {wide.frame}), (Size{64, 96}));  // the model's own
}

TEST(Detector, RawOutputMatchesReference) {
  const Safetensors golden = Safetensors::read("tests/data/tiny/plain.golden.safetensors");
  const StoredTensor& picture = *golden.find("input_u8");
  const Frame frame{reinterpret_cast<const std::uint8_t*>(picture.data.data()), 96, 64, 96 * 3, PixelFormat::rgb};
  Detector detector(Model::load(kPlain), kCpu);
  std::vector<RawOutput> raw;
  detector.detect({&frame, 1}, {}, &raw);
  ASSERT_EQ(raw.size(), 1u);
  EXPECT_EQ(raw[0].channels, 7);
  ASSERT_EQ(raw[0].pixels.size(), picture.data.size());
  for (std::size_t i = 0; i < picture.data.size(); ++i)
    ASSERT_EQ(raw[0].pixels[i], static_cast<float>(std::to_integer<int>(picture.data[i])) / 255.0f) << i;
  const std::vector<float> want = golden.find("output0")->to_f32();
  ASSERT_EQ(raw[0].values.size(), want.size());
  const RawDifference off = raw_difference(raw[0].values, want, static_cast<std::size_t>(raw[0].anchors));
  EXPECT_TRUE(off.box <= 2e-3 && off.score <= 5e-5) << off.box << " " << off.score;
}

TEST(Detector, OptionsFilterDetections) {
  Detector detector(Model::load(kPlain), kCpu);
  const Picture picture(60, 40, 3);
  const Result all = detector.detect(picture.frame, kLow);
  DetectOptions options = kLow;
  options.classes = {1};
  const Result one = detector.detect(picture.frame, options);
  EXPECT_EQ(
      static_cast<long>(one.detections.size()),
      std::count_if(all.detections.begin(), all.detections.end(), [](const Detection& d) { return d.class_id == 1; }));
  options = kLow;
  options.max_detections = 1;
  EXPECT_EQ(detector.detect(picture.frame, options).detections.size(), 1u);
  expect_equal(detector.detect(picture.frame, kLow), all);  // a call leaves no state behind
}

// More sizes than the detector keeps programs for, so that programs are dropped and compiled again.
TEST(Detector, RecompilingDroppedSizesKeepsResults) {
  Detector detector(Model::load(kPlain), {.device = Device::cpu, .input = {352, 352}});
  std::vector<Result> first;
  for (int round = 0; round < 2; ++round)
    for (int i = 0; i < 11; ++i) {
      const Picture picture(352, 32 * (i + 1), static_cast<unsigned>(i));
      const Result result = detector.detect(picture.frame, kLow);
      if (round == 0)
        first.push_back(result);
      else
        expect_equal(result, first[static_cast<std::size_t>(i)]);
    }
}

TEST(Detector, ServesSeveralThreads) {
  Detector detector(Model::load(kPlain), kCpu);
  const Picture a(60, 40, 3), b(40, 60, 4);
  const Result want_a = detector.detect(a.frame, kLow), want_b = detector.detect(b.frame, kLow);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 5; ++i)
        expect_equal(detector.detect(t % 2 ? a.frame : b.frame, kLow), t % 2 ? want_a : want_b);
    });
  for (std::thread& thread : threads) thread.join();
}

// Scratch memory of kernels belongs to the detector, not to the caller's stack.
TEST(Detector, UsesLittleStackOfTheCaller) {
  struct Call {
    Detector detector{Model::load(kPlain), kCpu};
    Picture picture{60, 40, 3};
    Result result{};
  } call;
  const Result want = call.detector.detect(call.picture.frame, kLow);
  pthread_attr_t attributes;
  ASSERT_EQ(pthread_attr_init(&attributes), 0);
  ASSERT_EQ(pthread_attr_setstacksize(&attributes, 192 << 10), 0);
  pthread_t thread;
  const auto body = [](void* given) -> void* {
    auto* of = static_cast<Call*>(given);
    of->result = of->detector.detect(of->picture.frame, kLow);
    return nullptr;
  };
  ASSERT_EQ(pthread_create(&thread, &attributes, body, &call), 0);
  ASSERT_EQ(pthread_join(thread, nullptr), 0);
  pthread_attr_destroy(&attributes);
  expect_equal(call.result, want);
}

TEST(Detector, MoveKeepsItsState) {
  const Picture picture(60, 40, 3);
  Detector first(Model::load(kPlain), kCpu);
  const Result want = first.detect(picture.frame, kLow);
  Detector second = std::move(first);
  expect_equal(second.detect(picture.frame, kLow), want);
}

TEST(Detector, ThreadCountDoesNotChangeTheResult) {
  const Picture picture(90, 60, 9);
  const Model model = Model::load("tests/data/tiny/dysample.json");
  Detector one(model, {.device = Device::cpu, .threads = 1});
  const Result want = one.detect(picture.frame, kLow);
  for (const int threads : {2, 3, 7}) {
    Detector many(model, {.device = Device::cpu, .threads = threads});
    expect_equal(many.detect(picture.frame, kLow), want);
  }
}

TEST(Detector, AllocatesOnlyResultsForAKnownSize) {
  Detector detector(Model::load("tests/data/tiny/odd.json"), {.device = Device::cpu, .threads = 3});
  const Picture picture(96, 32, 3);
  const DetectOptions none{.confidence = 1};
  detector.detect(picture.frame, none);
  const std::size_t before = allocations();
  detector.detect(picture.frame, none);
  EXPECT_LE(allocations() - before, 1u);  // the vector of one result, which has no detections
}

TEST(Executor, RunAllocatesNothing) {
  const Model model = Model::load("tests/data/tiny/odd.json");
  Network network(model, Network::Kernels::cpu, 2, {32, 96});
  network.set_input(0, *Safetensors::read("tests/data/tiny/odd.golden.safetensors").find("input_u8"));
  CpuExecutor executor(3);
  executor.run(network.program, network.memory());
  const std::size_t before = allocations();
  executor.run(network.program, network.memory());
  EXPECT_EQ(allocations() - before, 0u);
  const std::vector<int> counted(3);
  EXPECT_GT(allocations() - before, 0u);  // the counter works
}

TEST(Detector, StartsNoMoreThreadsThanUsableCores) {
  const auto threads = [] {
    std::filesystem::directory_iterator each("/proc/self/task");
    return std::distance(begin(each), end(each));
  };
  cpu_set_t before, one;
  ASSERT_EQ(::sched_getaffinity(0, sizeof before, &before), 0);
  CPU_ZERO(&one);
  CPU_SET(usable_cores().back(), &one);
  ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EQ(usable_cores().size(), 1u);
  const auto without = threads();
  const Detector detector(Model::load(kPlain), kCpu);
  EXPECT_EQ(threads(), without);  // the caller's thread is enough
  ASSERT_EQ(::sched_setaffinity(0, sizeof before, &before), 0);
}

// A batch that needs more memory than any machine has fails; the detector keeps working.
TEST(Detector, GoesOnAfterAnArenaThatCannotBeHad) {
  Detector detector(Model::load(kPlain), {.device = Device::cpu, .input = {1024, 1024}});
  const Picture picture(60, 40, 3);
  const Result want = detector.detect(picture.frame, kLow);
  const std::vector<Frame> many(500'000, picture.frame);
  EXPECT_NE(error_of([&] { detector.detect(many); }).find("out of memory"), std::string::npos);
  expect_equal(detector.detect(picture.frame, kLow), want);
}

TEST(Detector, ReadsNv12BottomUp) {
  Detector detector(Model::load(kPlain), kCpu);
  const int width = 30, height = 20;
  const Picture plane(width, height * 3 / 2, 5, PixelFormat::grey);  // luma, then chroma
  const Frame whole{plane.pixels.data(), width, height, width, PixelFormat::nv12};
  const Result want = detector.detect(whole, kLow);
  std::vector<std::uint8_t> turned;
  for (int y = height * 3 / 2; y-- > 0;)
    turned.insert(turned.end(), plane.pixels.begin() + y * width, plane.pixels.begin() + (y + 1) * width);
  const std::uint8_t* const last = turned.data() + (height * 3 / 2 - 1) * width;
  expect_equal(detector.detect({last, width, height, -width, PixelFormat::nv12, last - height * width}, kLow), want);
}

TEST(Detector, CollectsInOrderOfSubmission) {
  Detector detector(Model::load(kPlain), kCpu);
  const Picture a(60, 40, 3), b(40, 60, 4);
  const Result want_a = detector.detect(a.frame, kLow), want_b = detector.detect(b.frame, kLow);
  const Frame two[] = {b.frame, b.frame};
  EXPECT_EQ(error_of([&] { detector.collect(); }), "collect: nothing was submitted");
  for (int round = 0; round < 2; ++round) {
    detector.submit({&a.frame, 1}, kLow);
    detector.submit(two, kLow);
    EXPECT_EQ(error_of([&] {
                detector.submit({&a.frame, 1}, kLow);
              }),
              "submit: two batches are in flight: collect one first");
    EXPECT_EQ(error_of([&] { detector.detect(a.frame); }), "detect: collect the submitted batch first");
    const std::vector<Result> first = detector.collect();
    ASSERT_EQ(first.size(), 1u);
    expect_equal(first[0], want_a);
    detector.submit({&a.frame, 1}, kLow);
    const std::vector<Result> second = detector.collect(), third = detector.collect();
    ASSERT_EQ(second.size(), 2u);
    expect_equal(second[1], want_b);
    expect_equal(third.at(0), want_a);
  }
  EXPECT_EQ(error_of([&] { detector.submit({}); }), "submit: the batch has no frames");
  EXPECT_EQ(error_of([&] { detector.submit(two, {.iou = 2}); }), "iou must be from 0 to 1");
  EXPECT_EQ(error_of([&] { detector.collect(); }), "collect: nothing was submitted");
}

// With or without a CUDA device: the requested device, or an error that gives the reason.
TEST(Detector, RunsOnCudaOrReportsWhyNot) {
  const Model model = Model::load(kPlain);
  const auto make = [&](DetectorOptions options) { return error_of([&] { Detector(model, options); }); };
  if (const std::string error = make({.device = Device::cuda}); error != "no error") {
    EXPECT_NE(error.find("CUDA"), std::string::npos) << error;
    EXPECT_EQ(Detector(model).device(), Device::cpu);
    EXPECT_NE(make({.precision = Precision::fp16}), "no error");
  } else {
    EXPECT_EQ(Detector(model).device(), Device::cuda);
  }
  EXPECT_EQ(Detector(model, kCpu).fallback(), "");
}

TEST(Detector, RejectsInvalidArgumentsInOneLine) {
  const Model model = Model::load(kPlain);
  const auto make = [&](DetectorOptions options) { return error_of([&] { Detector(model, options); }); };
  EXPECT_EQ(make({.device = Device::cpu, .precision = Precision::fp16}),
            "precision fp16: the CPU supports fp32 and int8 only");
  EXPECT_EQ(make({.device = static_cast<Device>(3)}), "an unknown device");
  EXPECT_EQ(make({.device = Device::cpu, .precision = static_cast<Precision>(-1)}), "an unknown precision");
  EXPECT_EQ(make({.device = Device::cpu, .fit = static_cast<Fit>(2)}), "an unknown fit");
  EXPECT_NE(make({.device = Device::cpu, .threads = -1}).find("threads must be"), std::string::npos);
  EXPECT_NE(make({.device = Device::cpu, .threads = 100000}).find("threads must be"), std::string::npos);
  EXPECT_NE(make({.device = Device::cpu, .input = {-3, 64}}).find("an input of -3x64"), std::string::npos);
  EXPECT_NE(make({.device = Device::cpu, .input = {64, 100000}}).find("an input of 64x100000"), std::string::npos);

  Detector detector(model, kCpu);
  const Picture picture(20, 10, 1);
  const auto with_frame = [&](auto change) {
    Frame frame = picture.frame;
    change(frame);
    return error_of([&] { detector.detect(frame); });
  };
  EXPECT_EQ(with_frame([](Frame& f) { f.data = nullptr; }), "a frame without data");
  const Frame two[] = {picture.frame, {nullptr, 20, 10, 60, PixelFormat::rgb}};
  EXPECT_EQ(error_of([&] { detector.detect(two); }), "frame 1: a frame without data");
  EXPECT_EQ(with_frame([](Frame& f) { f.width = 0; }), "a frame of 0x10 pixels");
  EXPECT_EQ(with_frame([](Frame& f) { f.height = -1; }), "a frame of 20x-1 pixels");
  EXPECT_EQ(with_frame([](Frame& f) { f.format = static_cast<PixelFormat>(9); }),
            "a frame with an unknown pixel format");
  EXPECT_EQ(with_frame([](Frame& f) { f.stride = -59; }), "a frame whose row stride is smaller than a row");
  EXPECT_EQ(with_frame([](Frame& f) { f.stride = 59; }), "a frame whose row stride is smaller than a row");
  EXPECT_EQ(with_frame([](Frame& f) { f.on_device = true; }),
            "a frame is on the CUDA device, but the network runs on the CPU");
  const auto with_nv12 = [&](int width, std::ptrdiff_t stride) {
    return with_frame([=](Frame& f) { f = {f.data, width, 10, stride, PixelFormat::nv12}; });
  };
  EXPECT_EQ(with_nv12(13, 14), "no error");
  EXPECT_EQ(with_nv12(13, 13), "a frame whose row stride is smaller than a row");  // a row of chroma pairs has 14 bytes
  EXPECT_EQ(with_nv12(12, -12), "a bottom-up NV12 frame needs a pointer to its chroma");

  const auto with_options = [&](DetectOptions options) {
    return error_of([&] { detector.detect(picture.frame, options); });
  };
  EXPECT_NE(with_options({.confidence = -1}).find("confidence"), std::string::npos);
  EXPECT_NE(with_options({.confidence = std::numeric_limits<float>::quiet_NaN()}).find("confidence"),
            std::string::npos);
  EXPECT_NE(with_options({.iou = 1.5f}).find("iou"), std::string::npos);
  EXPECT_NE(with_options({.classes = {3}}).find("class 3"), std::string::npos);
  EXPECT_NE(with_options({.max_detections = 0}).find("max_detections"), std::string::npos);
  EXPECT_EQ(detector.detect(picture.frame).detections.size(), detector.detect(picture.frame).detections.size());
}

TEST(Detector, TellsValuesThatAreNotFinite) {
  const TemporaryFolder folder;
  const Picture picture(40, 30, 1);
  for (const bool huge : {false, true}) {
    Detector detector(huge ? huge_weights_model(folder) : Model::load("tests/data/tiny/plain.json"), kCpu);
    const Result result = detector.detect(picture.frame, {.confidence = 0.001f});
    EXPECT_EQ(result.finite, !huge);
    EXPECT_EQ(result.detections.empty(), huge);
  }
}

}  // namespace
}  // namespace cudet::test
