// The state of the device, on which the runtime API's functions act. A lock admits one caller at a time.
#pragma once
#include <cuda_runtime.h>

#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "tests/simt/memory.h"

namespace simt {
using Work = std::function<void()>;
}

struct CUstream_st {
  bool blocking = true;  // synchronises with the default stream, in both directions
  std::deque<simt::Work> pending;
  std::uint64_t enqueued = 0, done = 0;  // numbers of work items so far
  CUgraph_st* capture = nullptr;         // during a capture: the graph that receives the work
  bool unjoined = false;  // this stream takes part in a capture whose first stream does not wait for it yet
};
struct CUevent_st {
  std::shared_ptr<CUstream_st> stream;  // the event is complete once `done` of this stream reaches `ticket`
  std::uint64_t ticket = 0;
  CUgraph_st* capture = nullptr;  // the capture that it was recorded in
  std::chrono::steady_clock::time_point time;
};
struct CUgraph_st {
  std::vector<simt::Work> nodes;  // in the order of capture, which satisfies all dependencies
  CUstream_st* origin = nullptr;  // the stream that began the capture
  cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
  std::thread::id thread;  // that began the capture
};
struct CUgraphExec_st {
  std::shared_ptr<const std::vector<simt::Work>> nodes;
};

namespace simt {

struct Device {
  static Device& get();
  Device();
  ~Device();  // prints the summary that SIMT_REPORT asks for

  /// The frame of a runtime API function: counts the call; returns the injected error (`failure` by default) if this
  /// call is to fail, or the sticky error if there is one; otherwise returns body() and stores its error as the last
  /// one.
  template <class F>
  cudaError_t call(cudaError_t failure, F body) {
    const std::lock_guard lock(mutex);
    if (++calls == fail_at) return last_error = fail_with != cudaSuccess ? fail_with : failure;
    if (sticky_error != cudaSuccess) return sticky_error;
    const cudaError_t error = body();
    return error != cudaSuccess && error != cudaErrorNotReady ? last_error = error : error;
  }
  /// The same for functions that release something: body() runs in any case.
  template <class F>
  cudaError_t call_release(F body) {
    const std::lock_guard lock(mutex);
    const cudaError_t error = body();
    if (++calls == fail_at) return last_error = fail_with != cudaSuccess ? fail_with : cudaErrorUnknown;
    if (sticky_error != cudaSuccess) return sticky_error;
    return error != cudaSuccess ? last_error = error : error;
  }

  CUstream_st* find_stream(cudaStream_t);  // nullptr if there is no such stream
  /// Adds work to a stream, or to the graph that it captures into. A draw decides whether the stream is drained at
  /// once.
  void enqueue(CUstream_st&, Work);
  /// Runs the stream's pending work until `done` reaches `ticket`; by default all of it.
  void drain(CUstream_st&, std::uint64_t ticket);
  void drain(CUstream_st& s) { drain(s, s.enqueued); }
  void drain_all();
  bool capturing() const;  // whether a capture forbids this thread the calls that cannot be captured
  void end_capture(CUgraph_st*);
  std::size_t objects_left() const;

  std::recursive_mutex mutex;
  unsigned seed, workers, multiprocessors;
  int capability;  // 10 * major + minor
  unsigned calls = 0, fail_at = 0, launches = 0;
  cudaError_t fail_with = cudaSuccess;  // cudaSuccess: the error that is typical of the function
  cudaError_t last_error = cudaSuccess, sticky_error = cudaSuccess;
  std::string report;    // of the last fault
  std::uint32_t random;  // state of the draws in enqueue()
  Memory memory;
  std::map<const unsigned char*, std::vector<unsigned char>> pinned;  // pinned host memory by address
  std::map<const void*, int> shared_bytes_limit;                      // of kernels that opted in to more than 48 KiB
  std::shared_ptr<CUstream_st> default_stream = std::make_shared<CUstream_st>();
  std::map<cudaStream_t, std::shared_ptr<CUstream_st>> streams;  // without the default stream
  std::map<cudaEvent_t, std::unique_ptr<CUevent_st>> events;
  std::map<cudaGraph_t, std::unique_ptr<CUgraph_st>> graphs;
  std::map<cudaGraphExec_t, std::unique_ptr<CUgraphExec_st>> graph_execs;
};

}  // namespace simt
