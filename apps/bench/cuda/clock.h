// Times by the CUDA device's own clock.
#pragma once
#include "runtime/cuda/handles.h"

namespace cudet::bench {

class CudaClock {
 public:
  explicit CudaClock(cudaStream_t stream) : stream_(stream) {}

  /// Milliseconds between the begin and the end of what `work` puts on the stream, which this waits for.
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
