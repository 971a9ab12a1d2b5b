// The device: what the runtime API's functions act on. One at a time uses it, as the lock says.
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
  bool blocking = true;  // waits for the default stream, and it for this one
  std::deque<simt::Work> pending;
  std::uint64_t enqueued = 0, done = 0;
  CUgraph_st* capture = nullptr;  // where work goes instead
  bool unjoined = false;          // the capture's first stream does not wait for this one yet
};
struct CUevent_st {
  std::shared_ptr<CUstream_st> stream;  // it is complete once `ticket` pieces of this stream's work are done
  std::uint64_t ticket = 0;
  CUgraph_st* capture = nullptr;
  std::chrono::steady_clock::time_point time;
};
struct CUgraph_st {
  std::vector<simt::Work> nodes;  // in the order of their capture, which is one that their dependencies allow
  CUstream_st* origin = nullptr;
  cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;  // whom calls that cannot be captured are forbidden
  std::thread::id thread;                                    // that began it
};
struct CUgraphExec_st {
  std::shared_ptr<const std::vector<simt::Work>> nodes;
};

namespace simt {

struct Device {
  static Device& get();
  Device();
  ~Device();  // tells what is left, where SIMT_REPORT asks for it

  /// Counts the call, fails it where SIMT_FAIL says so or the device is broken, else does it and remembers its error.
  template <class F>
  cudaError_t call(cudaError_t failure, F body) {
    const std::lock_guard lock(mutex);
    if (++calls == fail_at) return last = fail_with != cudaSuccess ? fail_with : failure;
    if (broken != cudaSuccess) return broken;
    const cudaError_t error = body();
    return error != cudaSuccess && error != cudaErrorNotReady ? last = error : error;
  }
  /// The same for what gives something up: it is given up in any case.
  template <class F>
  cudaError_t end(F body) {
    const std::lock_guard lock(mutex);
    const cudaError_t error = body();
    if (++calls == fail_at) return last = fail_with != cudaSuccess ? fail_with : cudaErrorUnknown;
    if (broken != cudaSuccess) return broken;
    return error != cudaSuccess ? last = error : error;
  }

  CUstream_st* stream(cudaStream_t);  // nullptr: no such stream
  void enqueue(CUstream_st&, Work);
  void finish(CUstream_st&, std::uint64_t ticket);  // does its pending work up to there
  void finish(CUstream_st& s) { finish(s, s.enqueued); }
  void finish_all();
  bool capturing() const;  // so that this thread may not call what cannot be captured
  void end_capture(CUgraph_st*);
  std::size_t left() const;  // objects that were made and not given up

  std::recursive_mutex mutex;
  unsigned seed, workers, multiprocessors;
  int capability;  // 10 * major + minor
  unsigned calls = 0, fail_at = 0, launches = 0;
  cudaError_t fail_with = cudaSuccess, last = cudaSuccess, broken = cudaSuccess;
  std::string report;
  std::uint32_t random;
  Memory memory;
  std::map<const unsigned char*, std::vector<unsigned char>> pinned;  // memory of the host
  std::map<const void*, int> shared_limit;                            // of kernels that asked for more
  std::shared_ptr<CUstream_st> legacy = std::make_shared<CUstream_st>();
  std::map<cudaStream_t, std::shared_ptr<CUstream_st>> streams;
  std::map<cudaEvent_t, std::unique_ptr<CUevent_st>> events;
  std::map<cudaGraph_t, std::unique_ptr<CUgraph_st>> graphs;
  std::map<cudaGraphExec_t, std::unique_ptr<CUgraphExec_st>> execs;
};

}  // namespace simt
