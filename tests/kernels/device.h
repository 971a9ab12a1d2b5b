// Memory and a stream of the device under test.
#pragma once
#include <string>
#include <vector>

#include "kernels/launch.cuh"

namespace cudet::test {

/// Returns why a test is skipped if there is no device; empty if there is one.
inline std::string why_no_device() {
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error == cudaSuccess && count > 0) return "";
  cudaGetLastError();
  return std::string("NOT RUN, no CUDA device: ") + (error == cudaSuccess ? "none" : cudaGetErrorString(error));
}

/// The same if the device has no tensor cores of compute capability 8.0.
inline std::string why_no_fp16() {
  int major = 0;
  check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, 0), "device");
  return major >= 8 ? ""
                    : "NOT RUN: fp16 needs compute capability 8.0, this device has " + std::to_string(major) + ".x";
}

/// An array on the device, uninitialised or with the vector's values.
template <class T>
class DeviceArray {
 public:
  explicit DeviceArray(std::size_t size) : size_(size) {
    check(cudaMalloc(reinterpret_cast<void**>(&data_), size * sizeof(T)), "allocate");
  }
  explicit DeviceArray(const std::vector<T>& values) : DeviceArray(values.size()) {
    check(cudaMemcpy(data_, values.data(), size_ * sizeof(T), cudaMemcpyHostToDevice), "upload");
  }
  ~DeviceArray() { cudaFree(data_); }
  DeviceArray(const DeviceArray&) = delete;  // owns the memory
  DeviceArray& operator=(const DeviceArray&) = delete;

  T* data() const { return data_; }
  std::vector<T> values() const {
    std::vector<T> host(size_);
    check(cudaMemcpy(host.data(), data_, size_ * sizeof(T), cudaMemcpyDeviceToHost), "download");
    return host;
  }

 private:
  T* data_ = nullptr;
  std::size_t size_;
};

inline CudaStream default_stream() {
  CudaStream on{};
  check(cudaDeviceGetAttribute(&on.multiprocessors, cudaDevAttrMultiProcessorCount, 0), "device");
  check(cudaDeviceGetAttribute(&on.shared_bytes_per_block, cudaDevAttrMaxSharedMemoryPerBlockOptin, 0), "device");
  return on;
}
/// The same with one multiprocessor, so that launches have few blocks, with several tiles each.
inline CudaStream stream_for_few_blocks() {
  CudaStream on = default_stream();
  on.multiprocessors = 1;
  return on;
}

}  // namespace cudet::test
