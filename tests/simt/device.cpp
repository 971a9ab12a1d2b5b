// The device itself, kernel launches, and runtime API functions that report errors and properties.
#include "tests/simt/device.h"

#include <cstdio>
#include <cstdlib>
#include <thread>

#include "tests/simt/grid.h"
#include "tests/simt/simt.h"

namespace simt {
namespace {

unsigned setting(const char* name, unsigned default_value) {
  const char* const text = std::getenv(name);
  return text != nullptr ? static_cast<unsigned>(std::strtoul(text, nullptr, 10)) : default_value;
}

constexpr std::size_t kSharedDefault = 48 << 10, kSharedOptIn = 99 << 10, kSharedPerMultiprocessor = 100 << 10;

// Resident blocks per multiprocessor, by the limits of sm_86.
std::size_t resident_blocks(std::size_t threads, std::size_t shared_bytes) {
  return std::min(
      {std::size_t{16}, 1536 / ((threads + 31) / 32 * 32), kSharedPerMultiprocessor / (shared_bytes + 1024)});
}

}  // namespace

Device& Device::get() {
  static Device device;
  return device;
}

Device::Device()
    : seed(setting("SIMT_SEED", 1)),
      workers(setting("SIMT_THREADS", std::max(1u, std::thread::hardware_concurrency()))),
      multiprocessors(setting("SIMT_SMS", 4)),
      capability(static_cast<int>(setting("SIMT_CC", 86))),
      random(mix_seed(seed, 0)),
      memory(std::size_t{setting("SIMT_MEMORY", 1024)} << 20) {
  if (const char* const text = std::getenv("SIMT_FAIL")) {
    char* rest;
    fail_at = static_cast<unsigned>(std::strtoul(text, &rest, 10));
    if (*rest == ':') fail_with = static_cast<cudaError_t>(std::atoi(rest + 1));
  }
}

Device::~Device() {
  if (std::getenv("SIMT_REPORT") != nullptr)
    std::fprintf(stderr, "simt: %u calls, %zu objects left\n", calls, objects_left());
}

std::size_t Device::objects_left() const {
  return memory.allocations() + pinned.size() + streams.size() + events.size() + graphs.size() + graph_execs.size();
}

void set_seed(unsigned seed) {
  Device& device = Device::get();
  const std::lock_guard lock(device.mutex);
  device.seed = seed;
  device.random = mix_seed(seed, 0);
}
unsigned calls() {
  return Device::get().calls;
}
void fail_at(unsigned call, cudaError_t error) {
  Device::get().fail_at = call;
  Device::get().fail_with = error;
}
std::size_t objects_left() {
  return Device::get().objects_left();
}
std::string last_report() {
  return Device::get().report;
}

cudaError_t blocks_per_multiprocessor(int* blocks, int threads, std::size_t shared_bytes) {
  return Device::get().call(cudaErrorUnknown, [&] {
    if (threads < 1 || threads > 1024) return cudaErrorInvalidValue;
    *blocks = static_cast<int>(resident_blocks(static_cast<std::size_t>(threads), shared_bytes));
    return cudaSuccess;
  });
}

cudaError_t launch(const cudaLaunchConfig_t& config, const void* kernel, std::function<void()> thread) {
  Device& device = Device::get();
  return device.call(cudaErrorUnknown, [&] {
    CUstream_st* const stream = device.find_stream(config.stream);
    if (stream == nullptr) return cudaErrorInvalidResourceHandle;
    Launch launch{kernel, std::move(thread), config.gridDim, config.blockDim, config.dynamicSmemBytes, false};
    for (unsigned a = 0; a < config.numAttrs; ++a)
      launch.cooperative |=
          config.attrs[a].id == cudaLaunchAttributeCooperative && config.attrs[a].val.cooperative != 0;
    const dim3 b = launch.blocks, t = launch.threads;
    const std::size_t blocks = std::size_t{b.x} * b.y * b.z, threads = std::size_t{t.x} * t.y * t.z;
    if (blocks == 0 || blocks > 0x7fffffff || threads == 0 || threads > 1024) return cudaErrorInvalidConfiguration;
    const auto limit = device.shared_bytes_limit.find(kernel);
    if (launch.shared_bytes > (limit == device.shared_bytes_limit.end() ? kSharedDefault : std::size_t(limit->second)))
      return cudaErrorInvalidValue;
    const std::size_t resident = device.multiprocessors * resident_blocks(threads, launch.shared_bytes);
    if (launch.cooperative && blocks > resident) return cudaErrorCooperativeLaunchTooLarge;
    device.enqueue(*stream, [&device, launch = std::move(launch), resident] {
      Grid grid(launch, static_cast<unsigned>(resident), mix_seed(device.seed, ++device.launches));
      std::string report = grid.run(device.workers);
      if (const std::string damage = device.memory.damage(); report.empty() && !damage.empty())
        report = "kernel " + kernel_name(launch.kernel) + ": " + damage;
      if (report.empty()) return;
      device.report = report + " (SIMT_SEED=" + std::to_string(device.seed) + ")";
      device.sticky_error = cudaErrorLaunchFailure;
      std::fprintf(stderr, "simt: %s\n", device.report.c_str());
    });
    return cudaSuccess;
  });
}

}  // namespace simt

using simt::Device;

const char* cudaGetErrorName(cudaError_t error) {
  switch (error) {
#define SIMT_NAME(e) \
  case e:            \
    return #e
    SIMT_NAME(cudaSuccess);
    SIMT_NAME(cudaErrorInvalidValue);
    SIMT_NAME(cudaErrorMemoryAllocation);
    SIMT_NAME(cudaErrorInvalidConfiguration);
    SIMT_NAME(cudaErrorInsufficientDriver);
    SIMT_NAME(cudaErrorNoDevice);
    SIMT_NAME(cudaErrorInvalidDevice);
    SIMT_NAME(cudaErrorInvalidDeviceFunction);
    SIMT_NAME(cudaErrorNoKernelImageForDevice);
    SIMT_NAME(cudaErrorInvalidResourceHandle);
    SIMT_NAME(cudaErrorNotReady);
    SIMT_NAME(cudaErrorLaunchFailure);
    SIMT_NAME(cudaErrorCooperativeLaunchTooLarge);
    SIMT_NAME(cudaErrorStreamCaptureUnsupported);
    SIMT_NAME(cudaErrorStreamCaptureUnjoined);
    SIMT_NAME(cudaErrorUnknown);
#undef SIMT_NAME
  }
  return "unrecognized error code";
}
const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "no error";
    case cudaErrorMemoryAllocation:
      return "out of memory";
    case cudaErrorNoDevice:
      return "no CUDA-capable device is detected";
    case cudaErrorInsufficientDriver:
      return "CUDA driver version is insufficient for CUDA runtime version";
    case cudaErrorLaunchFailure:
      return "unspecified launch failure";
    default:
      return cudaGetErrorName(error);
  }
}
cudaError_t cudaGetLastError() {
  Device& device = Device::get();
  const std::lock_guard lock(device.mutex);
  const cudaError_t error = std::exchange(device.last_error, cudaSuccess);
  return device.sticky_error != cudaSuccess ? device.sticky_error : error;
}
cudaError_t cudaPeekAtLastError() {
  Device& device = Device::get();
  const std::lock_guard lock(device.mutex);
  return device.sticky_error != cudaSuccess ? device.sticky_error : device.last_error;
}
cudaError_t cudaDriverGetVersion(int* version) {
  return Device::get().call(cudaErrorUnknown, [&] { return *version = CUDART_VERSION, cudaSuccess; });
}
cudaError_t cudaRuntimeGetVersion(int* version) {
  return cudaDriverGetVersion(version);
}

cudaError_t cudaGetDeviceCount(int* count) {
  *count = 0;
  return Device::get().call(cudaErrorNoDevice, [&] {
    *count = static_cast<int>(simt::setting("SIMT_DEVICES", 1));
    return *count > 0 ? cudaSuccess : cudaErrorNoDevice;
  });
}
cudaError_t cudaGetDevice(int* ordinal) {
  return Device::get().call(cudaErrorUnknown, [&] { return *ordinal = 0, cudaSuccess; });
}
cudaError_t cudaSetDevice(int ordinal) {
  return Device::get().call(cudaErrorUnknown, [&] { return ordinal == 0 ? cudaSuccess : cudaErrorInvalidDevice; });
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* p, int ordinal) {
  Device& device = Device::get();
  return device.call(cudaErrorUnknown, [&] {
    if (ordinal != 0) return cudaErrorInvalidDevice;
    *p = {"fibers",
          device.memory.total(),
          simt::kSharedDefault,
          simt::kSharedPerMultiprocessor,
          simt::kSharedOptIn,
          32,
          1024,
          device.capability / 10,
          device.capability % 10,
          static_cast<int>(device.multiprocessors),
          0,
          1};
    return cudaSuccess;
  });
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int ordinal) {
  Device& device = Device::get();
  return device.call(cudaErrorUnknown, [&] {
    if (ordinal != 0) return cudaErrorInvalidDevice;
    const std::map<cudaDeviceAttr, std::size_t> values = {
        {cudaDevAttrMaxThreadsPerBlock, 1024},
        {cudaDevAttrMaxSharedMemoryPerBlock, simt::kSharedDefault},
        {cudaDevAttrWarpSize, 32},
        {cudaDevAttrMultiProcessorCount, device.multiprocessors},
        {cudaDevAttrIntegrated, 0},
        {cudaDevAttrPageableMemoryAccess, 0},
        {cudaDevAttrComputeCapabilityMajor, device.capability / 10},
        {cudaDevAttrComputeCapabilityMinor, device.capability % 10},
        {cudaDevAttrMaxSharedMemoryPerMultiprocessor, simt::kSharedPerMultiprocessor},
        {cudaDevAttrCooperativeLaunch, 1},
        {cudaDevAttrMaxSharedMemoryPerBlockOptin, simt::kSharedOptIn}};
    const auto found = values.find(attribute);
    if (found == values.end()) return cudaErrorInvalidValue;
    *value = static_cast<int>(found->second);
    return cudaSuccess;
  });
}
cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute attribute, int value) {
  Device& device = Device::get();
  return device.call(cudaErrorUnknown, [&] {
    if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize) return cudaSuccess;  // the others are hints
    if (value < 0 || static_cast<std::size_t>(value) > simt::kSharedOptIn) return cudaErrorInvalidValue;
    device.shared_bytes_limit[kernel] = value;
    return cudaSuccess;
  });
}
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void* kernel) {
  Device& device = Device::get();
  return device.call(cudaErrorUnknown, [&] {
    const auto limit = device.shared_bytes_limit.find(kernel);
    const bool asked = limit != device.shared_bytes_limit.end();
    *attributes = {0, 0, 0, 1024, 0, asked ? limit->second : static_cast<int>(simt::kSharedDefault)};
    return cudaSuccess;
  });
}
