// Measures times with the clock of the CUDA device.
#pragma once
#include "runtime/cuda/handles.h"

namespace cudet::bench {

class CudaClock {
 public:
  explicit CudaClock(cudaStream_t stream) : stream_(stream) {}

  /// Calls `work`, waits for what it enqueued on the stream, and returns the milliseconds that this took on the device.
  template <class Work>
  double milliseconds(Work&& work) {
    check(cudaEventRecord(start_.get(), stream_), "time");
    work();
    check(cudaEventRecord(end_.get(), stream_), "time");
    check(cudaEventSynchronize(end_.get()), "time");
    float time = 0;
    check(cudaEventElapsedTime(&time, start_.get(), end_.get()), "time");
    return time;
  }

 private:
  cudaStream_t stream_;
  Event start_ = make_event(), end_ = make_event();
};

}  // namespace cudet::bench
