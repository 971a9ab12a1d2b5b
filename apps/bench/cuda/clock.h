// Measures times with the clock of the CUDA device.
#pragma once
#include "apps/bench/cuda/delay.h"
#include "runtime/cuda/handles.h"

namespace cudet::bench {

class CudaClock {
 public:
  explicit CudaClock(cudaStream_t stream) : stream_(stream) {}

  /// Calls `work`, waits for what it enqueued on the stream, and returns the milliseconds that this took on the device.
  /// The device first runs a delay, during which the host enqueues the work, so that the host's time to launch it does
  /// not count.
  template <class Work>
  double milliseconds(Work&& work) {
    delay_cuda(kDelay, stream_);
    check(cudaEventRecord(start_.get(), stream_), "time");
    work();
    check(cudaEventRecord(end_.get(), stream_), "time");
    check(cudaEventSynchronize(end_.get()), "time");
    float time = 0;
    check(cudaEventElapsedTime(&time, start_.get(), end_.get()), "time");
    return time;
  }

 private:
  static constexpr unsigned kDelay = 1'000'000;  // ns: a host launches some 200 kernels in this time

  cudaStream_t stream_;
  Event start_ = make_event(), end_ = make_event();
};

}  // namespace cudet::bench
