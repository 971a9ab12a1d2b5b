// What the CUDA runtime gives, owned: move-only, given up at the end whatever state the device is in.
#pragma once
#include <cuda_runtime.h>

#include <memory>
#include <string>
#include <type_traits>

#include "kernels/launch.cuh"

namespace cudet {

/// Gives a handle up. After an error of the device this fails too, and there is nobody to tell.
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

/// A stream that waits for no other of its own accord.
inline Stream make_stream() {
  cudaStream_t stream;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "a stream");
  return Stream(stream);
}

/// An event that notes the time, too.
inline Event make_event() {
  cudaEvent_t event;
  check(cudaEventCreate(&event), "an event");
  return Event(event);
}

/// An event for order alone, which is quicker.
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

/// Bytes on the device, not initialised.
class DeviceBuffer {
 public:
  DeviceBuffer() = default;
  /// Throws Error where the device has not that much.
  explicit DeviceBuffer(std::size_t bytes) : bytes_(bytes) {
    void* p;
    check_memory(cudaMalloc(&p, bytes), bytes, "on the CUDA device");
    data_.reset(static_cast<std::byte*>(p));
  }
  std::byte* data() const { return data_.get(); }
  std::size_t bytes() const { return data_ ? bytes_ : 0; }

 private:
  Owned<std::byte*, cudaFree> data_;
  std::size_t bytes_ = 0;
};

/// Bytes of the host that the device reads and writes by itself, not initialised.
class PinnedBuffer {
 public:
  PinnedBuffer() = default;
  /// Throws Error where the system has not that much.
  explicit PinnedBuffer(std::size_t bytes) : bytes_(bytes) {
    void* p;
    check_memory(cudaHostAlloc(&p, bytes, cudaHostAllocDefault), bytes, "that the CUDA device can reach");
    data_.reset(static_cast<std::byte*>(p));
  }
  std::byte* data() const { return data_.get(); }
  std::size_t bytes() const { return data_ ? bytes_ : 0; }

 private:
  Owned<std::byte*, cudaFreeHost> data_;
  std::size_t bytes_ = 0;
};

/// Makes a device the calling thread's current one, for as long as this lives.
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
  CurrentDevice(const CurrentDevice&) = delete;  // it would be undone twice
  CurrentDevice& operator=(const CurrentDevice&) = delete;

 private:
  int before_ = 0;
  bool changed_ = false;
};

}  // namespace cudet
