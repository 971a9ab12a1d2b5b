// Makes each CUDA call of a detector fail in turn. Every failure must give an error of one line and leave no object,
// and the next detector must work.
#include <gtest/gtest.h>

#include "tests/kernels/device.h"
#include "tests/runtime/pictures.h"
#include "tests/simt/simt.h"

namespace cudet::test {
namespace {

const DetectOptions kLow{.confidence = 0.01f};

__global__ void diverge() {
  if (threadIdx.x == 0)
    __syncthreads();
  else
    __syncthreads();
}

class CudaEngineOnFibers : public testing::Test {
 protected:
  void TearDown() override {
    simt::fail_at(0);
    cudaDeviceReset();
  }

  /// Exercises a detector: new and known input sizes, overlapping batches, growing memory, raw outputs.
  static std::vector<Result> use(Detector& detector) {
    static const Picture small(24, 20, 1), large(48, 40, 2);
    const Frame frames[] = {large.frame, large.frame};
    std::vector<Result> results = {detector.detect(small.frame, kLow), detector.detect(small.frame, kLow)};
    detector.submit({&small.frame, 1}, kLow);
    detector.submit(frames, kLow);
    for (int batch = 0; batch < 2; ++batch)
      for (Result& result : detector.collect()) results.push_back(std::move(result));
    std::vector<RawOutput> raw;
    results.push_back(detector.detect({&small.frame, 1}, kLow, &raw).at(0));
    return results;
  }
  static DetectorOptions options(Device device, Executor executor = Executor::automatic) {
    return {.device = device, .input = {48, 48}, .executor = executor};
  }

  const Model model_ = Model::load("tests/data/tiny/stride12.json");
};

class EveryCall : public CudaEngineOnFibers, public testing::WithParamInterface<Executor> {};

TEST_P(EveryCall, ReportsItsFailure) {
  const DetectorOptions with = options(Device::cuda, GetParam());
  const std::size_t before = simt::objects_left();
  const unsigned start = simt::calls();
  std::vector<Result> want;
  {
    Detector detector(model_, with);
    want = use(detector);
  }
  const unsigned calls = simt::calls() - start;
  EXPECT_EQ(simt::objects_left(), before);
  EXPECT_GT(calls, 150u);
  EXPECT_FALSE(want.front().detections.empty());

  unsigned errors = 0;
  for (unsigned n = 1; n <= calls; ++n) {
    SCOPED_TRACE("call " + std::to_string(n));
    simt::fail_at(simt::calls() + n);
    const std::string line = error_of([&] {
      Detector detector(model_, with);
      use(detector);
    });
    EXPECT_EQ(line.find('\n'), std::string::npos) << line;
    errors += line != "no error";
    simt::fail_at(0);
    ASSERT_EQ(simt::objects_left(), before) << line;
    if (n % 16 == 0) {
      Detector detector(model_, with);
      const std::vector<Result> got = use(detector);
      for (std::size_t i = 0; i < want.size(); ++i) expect_equal(got[i], want[i]);
    }
  }
  // Destructors ignore the errors of calls that release objects.
  EXPECT_GT(errors, calls / 2);
}
INSTANTIATE_TEST_SUITE_P(Executors, EveryCall, testing::Values(Executor::automatic, Executor::graph));

// A tile whose end is never signalled stops the launch. Both batches in flight are run again, without their frames.
TEST_F(CudaEngineOnFibers, ALostSignalChangesNoResult) {
  const Picture first(24, 20, 1), second(48, 40, 2), third(30, 30, 3);
  const auto graph = [&](const Picture& picture) {
    return Detector(model_, options(Device::cuda, Executor::graph)).detect(picture.frame, kLow);
  };
  const Result want[] = {graph(first), graph(second), graph(third)};
  for (const unsigned release : {1u, 7u, 40u}) {
    Detector detector(model_, options(Device::cuda));
    EXPECT_EQ(detector.take_warning(), "");
    simt::lose_release(release);
    {
      Picture copy(24, 20, 1), other(48, 40, 2);
      detector.submit({&copy.frame, 1}, kLow);
      detector.submit({&other.frame, 1}, kLow);
      std::fill(copy.pixels.begin(), copy.pixels.end(), std::uint8_t{0});
      std::fill(other.pixels.begin(), other.pixels.end(), std::uint8_t{0});
    }
    expect_equal(detector.collect().at(0), want[0]);
    expect_equal(detector.collect().at(0), want[1]);
    EXPECT_NE(detector.take_warning().find("was stopped"), std::string::npos);
    EXPECT_EQ(detector.take_warning(), "");
    expect_equal(detector.detect(third.frame, kLow), want[2]);
    EXPECT_EQ(detector.take_warning(), "");
  }
}

// After a failed call the same detector still returns the batch that was submitted before it.
TEST_F(CudaEngineOnFibers, DetectorKeepsWorkingAfterAFailedCall) {
  Detector detector(model_, options(Device::cuda));
  const Picture picture(24, 20, 1);
  const Result want = detector.detect(picture.frame, kLow);
  const unsigned start = simt::calls();
  expect_equal(detector.detect(picture.frame, kLow), want);
  const unsigned calls = simt::calls() - start;
  for (unsigned n = 1; n <= calls; ++n) {
    SCOPED_TRACE("call " + std::to_string(n));
    detector.submit({&picture.frame, 1}, kLow);
    simt::fail_at(simt::calls() + n);
    const std::string line = error_of([&] { detector.submit({&picture.frame, 1}, kLow); });
    simt::fail_at(0);
    expect_equal(detector.collect().at(0), want);
    if (line == "no error") expect_equal(detector.collect().at(0), want);
    EXPECT_THROW(detector.collect(), Error);
    simt::fail_at(simt::calls() + n);
    error_of([&] { detector.detect(picture.frame, kLow); });
    simt::fail_at(0);
    expect_equal(detector.detect(picture.frame, kLow), want);
  }
}

// A draw decides whether work on a stream runs at once or late, so a missing wait shows in some of many batches.
TEST_F(CudaEngineOnFibers, BatchesInFlightAreIndependent) {
  Detector detector(model_, options(Device::cuda));
  std::vector<Picture> pictures;
  for (unsigned p = 0; p < 6; ++p) pictures.emplace_back(24, 20, p);
  std::vector<Frame> batch;
  for (const Picture& picture : pictures) batch.push_back(picture.frame);
  const std::vector<Result> want = detector.detect(batch, kLow);
  std::vector<Result> single;
  for (const Frame& frame : batch) single.push_back(detector.detect(frame, kLow));
  for (int round = 0; round < 40; ++round) {
    const std::vector<Result> got = detector.detect(batch, kLow);
    for (std::size_t i = 0; i < want.size(); ++i) expect_equal(got[i], want[i]);
    detector.submit({&batch[0], 1}, kLow);
    for (std::size_t i = 0; i < batch.size(); ++i) {
      if (i + 1 < batch.size()) detector.submit({&batch[i + 1], 1}, kLow);
      expect_equal(detector.collect().at(0), single[i]);
    }
  }
}

TEST_F(CudaEngineOnFibers, AutomaticDeviceFallsBackToTheCpu) {
  const unsigned start = simt::calls();
  { Detector detector(model_, options(Device::automatic)); }
  const unsigned calls = simt::calls() - start;
  const std::size_t before = simt::objects_left();
  unsigned errors = 0;
  for (unsigned n = 1; n <= calls; ++n) {
    simt::fail_at(simt::calls() + n);
    {
      const Detector detector(model_, options(Device::automatic));
      simt::fail_at(0);
      EXPECT_EQ(detector.fallback().find('\n'), std::string::npos);
      if (detector.device() == Device::cuda) {
        EXPECT_EQ(detector.fallback(), "");
      } else {
        errors += !detector.fallback().empty();
      }
    }
    EXPECT_EQ(simt::objects_left(), before) << n;
  }
  EXPECT_GT(errors, calls / 3);
}

TEST_F(CudaEngineOnFibers, ReportsWhyCudaCannotRun) {
  const auto fails = [&](cudaError_t error, DetectorOptions options) {
    simt::fail_at(simt::calls() + 1, error);
    std::string line = error_of([&] { Detector(model_, options); });
    simt::fail_at(0);
    return line;
  };
  const DetectorOptions cuda{.device = Device::cuda}, half{.precision = Precision::fp16};
  EXPECT_EQ(fails(cudaErrorNoDevice, cuda), "device cuda: there is no CUDA device");
  EXPECT_EQ(fails(cudaErrorInsufficientDriver, cuda),
            "the CUDA driver is for CUDA 12.0, this build needs that for 12.0: install a newer driver");
  EXPECT_EQ(fails(cudaErrorNoDevice, half),
            "precision fp16: there is no CUDA device, and the CPU supports fp32 and int8 only");
  simt::fail_at(simt::calls() + 1, cudaErrorNoDevice);
  const Detector silent(model_);
  EXPECT_EQ(silent.device(), Device::cpu);
  EXPECT_EQ(silent.fallback(), "");
  simt::fail_at(simt::calls() + 1, cudaErrorInsufficientDriver);
  EXPECT_NE(Detector(model_).fallback().find("newer driver"), std::string::npos);
  constexpr unsigned kProbe = 7;  // the call that looks up a kernel
  simt::fail_at(simt::calls() + kProbe, cudaErrorNoKernelImageForDevice);
  EXPECT_EQ(error_of([&] { Detector(model_, cuda); }),
            "this build has no kernels for compute capability 8.6: build it with CUDA_ARCHS=86");
}

TEST_F(CudaEngineOnFibers, ReportsOutOfMemory) {
  Detector detector(model_, {.device = Device::cuda, .input = {8184, 8184}, .fit = Fit::whole});
  const Picture picture(24, 20, 1);
  const std::string line = error_of([&] { detector.detect(picture.frame, kLow); });
  EXPECT_EQ(line.find("out of memory on the CUDA device: "), 0u) << line;
}

// After a kernel fault the device stays unusable: each call reports that, and the destructor does not throw.
TEST_F(CudaEngineOnFibers, ReportsAStickyErrorUntilItsEnd) {
  const std::size_t before = simt::objects_left();
  {
    Detector detector(model_, options(Device::cuda));
    const Picture picture(24, 20, 1);
    detector.detect(picture.frame, kLow);
    launch("fault", default_stream(), 1, 0, diverge);
    EXPECT_EQ(cudaDeviceSynchronize(), cudaErrorLaunchFailure);
    const std::string line = error_of([&] { detector.detect(picture.frame, kLow); });
    EXPECT_NE(line.find("unspecified launch failure"), std::string::npos) << line;
    EXPECT_NE(error_of([&] { detector.detect(picture.frame, kLow); }), "no error");
  }
  EXPECT_EQ(simt::objects_left(), before);
}

TEST_F(CudaEngineOnFibers, AllocatesNothingForAKnownSize) {
  Detector detector(model_, options(Device::cuda));
  const Picture picture(24, 20, 1);
  detector.detect(picture.frame, kLow);
  const std::size_t objects = simt::objects_left();
  detector.detect(picture.frame, kLow);
  EXPECT_EQ(simt::objects_left(), objects);
}

}  // namespace
}  // namespace cudet::test
