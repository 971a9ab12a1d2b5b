// Owners of CUDA runtime handles: move-only; the destructor releases the handle in any state of the device.
#pragma once
#include <cuda_runtime.h>

#include <memory>
#include <string>
#include <type_traits>

#include "kernels/launch.cuh"

namespace cudet {

/// Releases a handle. The release fails after a device error; the failure is ignored, because destructors cannot report
/// it.
template <auto destroy>
struct Destroy {
  template <class Handle>
  void operator()(Handle* handle) const {
    if (destroy(handle) != cudaSuccess) cudaGetLastError();
  }
};

template <class Handle, auto destroy>
using Owned = std::unique_ptr<std::remove_pointer_t<Handle>, Destroy<destroy>>;

using Stream = Owned<cudaStream_t, cudaStreamDestroy>;
using Event = Owned<cudaEvent_t, cudaEventDestroy>;
using CapturedGraph = Owned<cudaGraph_t, cudaGraphDestroy>;
using GraphExec = Owned<cudaGraphExec_t, cudaGraphExecDestroy>;

/// Creates a stream that does not synchronise with the legacy default stream.
inline Stream make_stream() {
  cudaStream_t stream;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "a stream");
  return Stream(stream);
}

/// Creates an event that records the time.
inline Event make_event() {
  cudaEvent_t event;
  check(cudaEventCreate(&event), "an event");
  return Event(event);
}

/// Creates an event that does not record the time. It can only order work, but is faster.
inline Event make_order_event() {
  cudaEvent_t event;
  check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "an event");
  return Event(event);
}

inline void check_memory(cudaError_t error, std::size_t bytes, const char* where) {
  if (error == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    throw Error(std::string("out of memory ") + where + ": " + std::to_string((bytes + (1 << 20) - 1) >> 20) +
                " MB are needed");
  }
  check(error, "allocation");
}

/// An allocation that `allocate(pointer, bytes)` makes and `free` releases. Not initialised.
template <auto allocate, auto free>
class CudaBuffer {
 public:
  CudaBuffer() = default;
  /// Throws Error if there is not that much memory.
  explicit CudaBuffer(std::size_t bytes) : bytes_(bytes) {
    void* pointer;
    allocate(&pointer, bytes);
    data_.reset(static_cast<std::byte*>(pointer));
  }
  std::byte* data() const { return data_.get(); }
  std::size_t bytes() const { return data_ ? bytes_ : 0; }

 private:
  Owned<std::byte*, free> data_;
  std::size_t bytes_ = 0;
};

inline void allocate_device_memory(void** pointer, std::size_t bytes) {
  check_memory(cudaMalloc(pointer, bytes), bytes, "on the CUDA device");
}
inline void allocate_pinned_memory(void** pointer, std::size_t bytes) {
  check_memory(cudaHostAlloc(pointer, bytes, cudaHostAllocDefault), bytes, "that the CUDA device can reach");
}

/// Device memory.
using DeviceBuffer = CudaBuffer<allocate_device_memory, cudaFree>;
/// Pinned host memory, which the device can access directly.
using PinnedBuffer = CudaBuffer<allocate_pinned_memory, cudaFreeHost>;

/// Makes a device the calling thread's current one during this object's lifetime.
class CurrentDevice {
 public:
  explicit CurrentDevice(int ordinal) {
    check(cudaGetDevice(&before_), "device");
    if (before_ == ordinal) return;
    check(cudaSetDevice(ordinal), "device");
    changed_ = true;
  }
  ~CurrentDevice() {
    if (changed_ && cudaSetDevice(before_) != cudaSuccess) cudaGetLastError();
  }
  CurrentDevice(const CurrentDevice&) = delete;  // the destructor must restore the device once
  CurrentDevice& operator=(const CurrentDevice&) = delete;

 private:
  int before_ = 0;
  bool changed_ = false;
};

}  // namespace cudet
