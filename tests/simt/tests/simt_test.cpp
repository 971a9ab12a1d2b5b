// Errors that the fiber device detects, and its runtime API. device_test.cpp tests what it computes.
#include "tests/simt/simt.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <cstring>
#include <numeric>
#include <thread>

#include "tests/kernels/device.h"
#include "tests/simt/tests/faults.h"
#include "tests/simt/tests/probes.h"

namespace cudet::test {

constexpr int kBlocks = 3;
constexpr unsigned kSeeds = 10;

class Simt : public testing::Test {
 protected:
  void TearDown() override {
    simt::fail_at(0);
    cudaDeviceReset();
    simt::set_seed(1);
  }

  // Whether the kernel with this flaw gives the correct result under this seed. Throws if it faults.
  static bool correct(Flaw flaw, unsigned seed) {
    simt::set_seed(seed);
    std::vector<float> in(kBlocks * kThreads);
    std::iota(in.begin(), in.end(), 1.f);
    const DeviceArray<float> device_in(in), out(in.size());
    const DeviceArray<unsigned> flag(std::vector<unsigned>{0});
    reverse_twice(default_stream(), flaw, kBlocks, device_in.data(), out.data(), flag.data());
    return out.values() == in;
  }
  static bool wrong_under_some_seed(Flaw flaw) {
    for (unsigned seed = 1; seed <= kSeeds; ++seed)
      if (!correct(flaw, seed)) return true;
    return false;
  }
  // The report of a kernel that must fault under every seed.
  static std::string fault(Flaw flaw) {
    std::string report;
    for (unsigned seed = 1; seed <= kSeeds; ++seed) {
      EXPECT_THROW(correct(flaw, seed), Error);
      EXPECT_EQ(cudaGetLastError(), cudaErrorLaunchFailure) << "the error is sticky";
      cudaDeviceReset();
      report = simt::last_report();
      EXPECT_EQ(report.find('\n'), std::string::npos);
    }
    return report;
  }
};

TEST_F(Simt, CorrectKernelPassesUnderEverySeed) {
  for (unsigned seed = 1; seed <= kSeeds; ++seed) EXPECT_TRUE(correct(Flaw::none, seed)) << seed;
}

TEST_F(Simt, MissingBarrierShowsUnderSomeSeed) {
  EXPECT_TRUE(wrong_under_some_seed(Flaw::no_barrier));
  EXPECT_TRUE(wrong_under_some_seed(Flaw::no_second_barrier));
  EXPECT_TRUE(wrong_under_some_seed(Flaw::no_warp_sync));
  EXPECT_TRUE(wrong_under_some_seed(Flaw::no_acquire_order));
}

TEST_F(Simt, MissingWaitAndUninitializedReadShowUnderEverySeed) {
  for (unsigned seed = 1; seed <= kSeeds; ++seed)
    for (const Flaw flaw : {Flaw::no_wait, Flaw::wait_for_older, Flaw::unwritten_shared, Flaw::unwritten_global})
      EXPECT_FALSE(correct(flaw, seed)) << static_cast<int>(flaw);
}

#define EXPECT_REPORT(flaw, words) EXPECT_NE(fault(flaw).find(words), std::string::npos) << simt::last_report()

TEST_F(Simt, ReportsBarrierDivergence) {
  EXPECT_REPORT(Flaw::divergent_barrier, "kernel test::reverse_twice_kernel, block (");
  EXPECT_NE(simt::last_report().find("barrier divergence: waits at line"), std::string::npos) << simt::last_report();
  EXPECT_REPORT(Flaw::early_return, "barrier divergence: waits at tests/simt/tests/faults.cu:");
  EXPECT_NE(simt::last_report().find("thread (77,0,0) has returned"), std::string::npos) << simt::last_report();
  EXPECT_REPORT(Flaw::two_barriers, "barrier divergence: waits at line");
}

TEST_F(Simt, ReportsDeadlock) {
  EXPECT_REPORT(Flaw::half_warp_shuffle, "deadlock: waits at tests/simt/tests/faults.cu:");
  EXPECT_REPORT(Flaw::lane_outside_mask, "is not in the mask fffffffe of the warp-wide instruction at line ");
  EXPECT_REPORT(Flaw::polls_forever, "deadlock: polls at tests/simt/tests/faults.cu:");
}

TEST_F(Simt, ReportsAccessOutOfBounds) {
  EXPECT_REPORT(Flaw::copies_past_shared, "cp.async at byte 1536 of 1536 of shared memory");
  EXPECT_REPORT(Flaw::ldmatrix_past_shared, "ldmatrix at byte 1536 of 1536 of shared memory");
  EXPECT_REPORT(Flaw::misaligned_copy, "aligned to 16");
#ifdef __SANITIZE_ADDRESS__
  for (const Flaw flaw : {Flaw::writes_past_end, Flaw::writes_before, Flaw::writes_past_shared})
    EXPECT_DEATH(correct(flaw, 1), "use-after-poison.*");
#else
  EXPECT_REPORT(Flaw::writes_past_end, "wrote past the end of an allocation of 1536 bytes");
  EXPECT_REPORT(Flaw::writes_before, "wrote before the start of an allocation of 1536 bytes");
  EXPECT_REPORT(Flaw::writes_past_shared, "wrote outside its 1536 bytes of shared memory");
#endif
}

TEST_F(Simt, HostAccessToDeviceMemoryEndsTheProgram) {
  const DeviceArray<float> a(4);
  EXPECT_DEATH(std::printf("%g", static_cast<double>(*a.data())), "");
}

TEST_F(Simt, RejectsInvalidCopies) {
  const DeviceArray<float> a(4);
  float host[8] = {};
  EXPECT_EQ(cudaMemcpy(a.data(), host, 20, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemcpy(a.data(), host, 16, cudaMemcpyDeviceToHost), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemcpy(a.data() + 1, host, 12, cudaMemcpyDefault), cudaSuccess);
  EXPECT_EQ(cudaMemcpy2D(a.data(), 12, host, 16, 4, 2, cudaMemcpyHostToDevice), cudaSuccess);
  EXPECT_EQ(cudaMemcpy2D(a.data(), 16, host, 16, 4, 2, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemset(a.data(), 0, 17), cudaErrorInvalidValue);
  void* p = nullptr;
  EXPECT_EQ(cudaMalloc(&p, std::size_t{1} << 40), cudaErrorMemoryAllocation);
  EXPECT_EQ(cudaFree(host), cudaErrorInvalidValue);
  EXPECT_STREQ(cudaGetErrorName(cudaGetLastError()), "cudaErrorInvalidValue");
}

TEST_F(Simt, RejectsInvalidLaunches) {
  const CudaStream on = default_stream();
  const DeviceArray<unsigned> a(1000), arrivals(std::vector<unsigned>{0});
  EXPECT_THROW(probe_grid_barrier(on, 1000, 1, a.data(), arrivals.data()), Error)
      << "more blocks than can be resident at once";
  CudaStream destroyed = on;
  check(cudaStreamCreate(&destroyed.stream), "stream");
  check(cudaStreamDestroy(destroyed.stream), "stream");
  EXPECT_THROW(probe_negate(destroyed, 1, nullptr, nullptr), Error);
  int blocks = 0;
  EXPECT_EQ(simt::blocks_per_multiprocessor(&blocks, kThreads, 48 << 10), cudaSuccess);
  EXPECT_EQ(blocks, 2);
}

// The seed decides whether work on a stream runs early or late. A correct program gives the same result under every
// seed; an incorrect one fails under some.
class Streams : public Simt {
 protected:
  void SetUp() override {
    for (CudaStream* s : {&first, &second}) {
      *s = default_stream();
      check(cudaStreamCreateWithFlags(&s->stream, cudaStreamNonBlocking), "stream");
    }
    check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "event");
    check(cudaMallocHost(&pinned, kCount * sizeof(float)), "pinned");
  }
  void TearDown() override {
    cudaStreamDestroy(first.stream);
    cudaStreamDestroy(second.stream);
    cudaEventDestroy(event);
    cudaFreeHost(pinned);
    Simt::TearDown();
  }
  // Uploads ones on one stream and negates them on another. Returns for how many seeds every result is -1.
  unsigned correct_seeds(bool event_between, bool synchronise) {
    unsigned count = 0;
    for (unsigned seed = 1; seed <= kSeeds; ++seed) {
      simt::set_seed(seed);
      const DeviceArray<float> a(kCount), b(kCount);
      std::fill(pinned, pinned + kCount, 1.f);
      check(cudaMemcpyAsync(a.data(), pinned, kCount * sizeof(float), cudaMemcpyHostToDevice, first.stream), "upload");
      check(cudaEventRecord(event, first.stream), "record");
      if (event_between) check(cudaStreamWaitEvent(second.stream, event), "wait");
      probe_negate(second, kCount, a.data(), b.data());
      check(cudaMemcpyAsync(pinned, b.data(), kCount * sizeof(float), cudaMemcpyDeviceToHost, second.stream),
            "download");
      if (synchronise) check(cudaStreamSynchronize(second.stream), "synchronise");
      count += std::count(pinned, pinned + kCount, -1.f) == kCount;
      check(cudaDeviceSynchronize(), "synchronise");
    }
    return count;
  }
  static constexpr int kCount = 100;
  CudaStream first{}, second{};
  cudaEvent_t event = nullptr;
  float* pinned = nullptr;
};

TEST_F(Streams, MissingEventOrSynchronisationShows) {
  EXPECT_EQ(correct_seeds(true, true), kSeeds);
  EXPECT_LT(correct_seeds(false, true), kSeeds);
  EXPECT_LT(correct_seeds(true, false), kSeeds);
}

TEST_F(Streams, QueriesAndElapsedTime) {
  const DeviceArray<float> a(kCount);
  cudaEvent_t begin, end;
  check(cudaEventCreate(&begin), "event");
  check(cudaEventCreate(&end), "event");
  check(cudaEventRecord(begin, first.stream), "record");
  probe_negate(first, kCount, a.data(), a.data());
  check(cudaEventRecord(end, first.stream), "record");
  while (cudaEventQuery(end) == cudaErrorNotReady) {
  }
  EXPECT_EQ(cudaStreamQuery(first.stream), cudaSuccess);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess) << "cudaErrorNotReady is not stored as the last error";
  float milliseconds = -1;
  EXPECT_EQ(cudaEventElapsedTime(&milliseconds, begin, end), cudaSuccess);
  EXPECT_GT(milliseconds, 0);
  check(cudaEventDestroy(begin), "event");
  check(cudaEventDestroy(end), "event");
}

// In thread-local mode, only the capturing thread may not make calls that cannot be captured.
TEST_F(Streams, ThreadLocalCaptureDoesNotRestrictOtherThreads) {
  void *own = nullptr, *other = nullptr;
  check(cudaStreamBeginCapture(first.stream, cudaStreamCaptureModeThreadLocal), "capture");
  EXPECT_EQ(cudaMalloc(&own, 4), cudaErrorStreamCaptureUnsupported);
  std::thread([&] { EXPECT_EQ(cudaMalloc(&other, 4), cudaSuccess); }).join();
  cudaGraph_t graph;
  check(cudaStreamEndCapture(first.stream, &graph), "capture");
  check(cudaGraphDestroy(graph), "graph");
  check(cudaFree(other), "free");
}

TEST_F(Streams, CaptureForksAndJoins) {
  const DeviceArray<float> a(std::vector<float>(kCount, 2.f)), b(kCount), c(kCount);
  cudaGraph_t graph;
  cudaGraphExec_t exec;
  check(cudaStreamBeginCapture(first.stream, cudaStreamCaptureModeGlobal), "capture");
  check(cudaEventRecord(event, first.stream), "fork");
  check(cudaStreamWaitEvent(second.stream, event), "fork");
  probe_negate(second, kCount, a.data(), b.data());
  check(cudaEventRecord(event, second.stream), "join");
  check(cudaStreamWaitEvent(first.stream, event), "join");
  probe_negate(first, kCount, b.data(), c.data());
  void* p;
  EXPECT_EQ(cudaMalloc(&p, 4), cudaErrorStreamCaptureUnsupported);
  EXPECT_EQ(cudaStreamSynchronize(first.stream), cudaErrorStreamCaptureUnsupported);
  check(cudaStreamEndCapture(first.stream, &graph), "capture");
  EXPECT_TRUE(std::isnan(b.values()[0])) << "a capture must not run the work";
  check(cudaGraphInstantiate(&exec, graph), "instantiate");
  check(cudaGraphLaunch(exec, second.stream), "launch");
  check(cudaStreamSynchronize(second.stream), "synchronise");
  EXPECT_EQ(c.values(), std::vector<float>(kCount, 2.f));
  check(cudaGraphExecDestroy(exec), "graph");
  check(cudaGraphDestroy(graph), "graph");
}

TEST_F(Streams, CaptureWithAnUnjoinedStreamFails) {
  const DeviceArray<float> a(kCount);
  cudaGraph_t graph;
  check(cudaStreamBeginCapture(first.stream, cudaStreamCaptureModeGlobal), "capture");
  check(cudaEventRecord(event, first.stream), "fork");
  check(cudaStreamWaitEvent(second.stream, event), "fork");
  probe_negate(second, kCount, a.data(), a.data());
  EXPECT_EQ(cudaStreamEndCapture(first.stream, &graph), cudaErrorStreamCaptureUnjoined);
  EXPECT_EQ(graph, nullptr);
  EXPECT_EQ(cudaStreamSynchronize(second.stream), cudaSuccess) << "the stream must not capture any more";
}

// Each runtime API call of a program fails in turn; destructors must release everything.
TEST_F(Simt, FailsAnyCallOnRequest) {
  struct Stream {
    Stream() { check(cudaStreamCreateWithFlags(&handle, cudaStreamNonBlocking), "stream"); }
    ~Stream() { cudaStreamDestroy(handle); }
    cudaStream_t handle = nullptr;
  };
  const auto program = [] {
    const Stream stream;
    CudaStream on = default_stream();
    on.stream = stream.handle;
    const DeviceArray<float> a(std::vector<float>(100, 1.f)), b(100);
    probe_negate(on, 100, a.data(), b.data());
    check(cudaStreamSynchronize(on.stream), "synchronise");
    if (b.values()[99] != -1) throw Error("wrong result");
  };
  const std::size_t before = simt::objects_left();
  const unsigned first = simt::calls() + 1;
  program();
  const unsigned calls = simt::calls() + 1 - first;
  ASSERT_GE(calls, 12u);
  unsigned errors = 0;
  for (unsigned call = 0; call < calls; ++call) {
    simt::fail_at(simt::calls() + 1 + call);
    try {
      program();
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("CUDA: "), std::string::npos) << error.what();
      ++errors;
    }
    EXPECT_EQ(simt::objects_left(), before) << "call " << call + 1 << " of " << calls;
    cudaGetLastError();
  }
  EXPECT_EQ(errors, calls - 3) << "destructors ignore the errors of two frees and of one stream destruction";
  simt::fail_at(simt::calls() + 1, cudaErrorInsufficientDriver);
  int count = -1;
  EXPECT_EQ(cudaGetDeviceCount(&count), cudaErrorInsufficientDriver);
  EXPECT_EQ(count, 0);
}

}  // namespace cudet::test
