#include "runtime/cuda/device.h"

#include <cuda_runtime.h>

#include "kernels/launch.cuh"
#include "runtime/cuda/probe.h"
#include "runtime/engine.h"

namespace cudet {
namespace {

std::string version(int cuda) {  // 1000 · major + 10 · minor
  return std::to_string(cuda / 1000) + "." + std::to_string(cuda % 1000 / 10);
}
std::string dotted(int capability) {
  return std::to_string(capability / 10) + "." + std::to_string(capability % 10);
}

/// Returns the number of devices, at least 1.
int count_devices() {
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error == cudaSuccess && count > 0) return count;
  cudaGetLastError();
  int driver = 0;
  if (error == cudaErrorInsufficientDriver && cudaDriverGetVersion(&driver) == cudaSuccess && driver > 0)
    throw Error("the CUDA driver is for CUDA " + version(driver) + ", this build needs that for " +
                version(CUDART_VERSION) + ": install a newer driver");
  if (error == cudaSuccess || error == cudaErrorNoDevice || error == cudaErrorInsufficientDriver)
    throw NoCudaDevice("there is no CUDA device");
  check(error, "CUDA device");
  return count;
}

int attribute(cudaDeviceAttr which, int ordinal) {
  int value = 0;
  check(cudaDeviceGetAttribute(&value, which, ordinal), "CUDA device");
  return value;
}

}  // namespace

void require_cuda_device(int ordinal) {
  const int count = count_devices();
  if (ordinal >= count)
    throw Error("there is no CUDA device " + std::to_string(ordinal) + ": " +
                (count == 1 ? "the only one is 0" : "they are 0 to " + std::to_string(count - 1)));
}

CudaDevice find_cuda_device(Precision precision) {
  count_devices();
  CudaDevice device{};
  check(cudaGetDevice(&device.ordinal), "CUDA device");
  device.capability = 10 * attribute(cudaDevAttrComputeCapabilityMajor, device.ordinal) +
                      attribute(cudaDevAttrComputeCapabilityMinor, device.ordinal);
  device.multiprocessors = attribute(cudaDevAttrMultiProcessorCount, device.ordinal);
  device.shared_bytes_per_block = attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin, device.ordinal);
  if (device.capability < 75)
    throw Error("CUDA needs compute capability 7.5 or later; this device has " + dotted(device.capability));
  if (precision == Precision::fp16 && device.capability < 80)
    throw Error("precision fp16 needs compute capability 8.0 or later; this device has " + dotted(device.capability));
  const cudaError_t error = probe_kernels();
  if (error == cudaErrorNoKernelImageForDevice || error == cudaErrorInvalidDeviceFunction) {
    cudaGetLastError();
    throw Error("this build has no kernels for compute capability " + dotted(device.capability) +
                ": build it with CUDA_ARCHS=" + std::to_string(device.capability));
  }
  check(error, "CUDA device");
  device.reads_pageable_memory = attribute(cudaDevAttrPageableMemoryAccess, device.ordinal) != 0;
  return device;
}

}  // namespace cudet
