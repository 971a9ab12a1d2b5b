// Runtime API functions that allocate, free, fill and copy memory.
#include <cstring>

#include "tests/simt/device.h"

using simt::Device;

namespace {

/// A copy of `height` rows of `width` bytes.
struct RowCopy {
  unsigned char* to;
  std::size_t to_pitch;
  const unsigned char* from;
  std::size_t from_pitch, width, height;
};

// Whether p is in pinned host memory. If so, clears `valid` unless [p, p + bytes) is within that allocation. Pageable
// memory cannot be checked.
bool is_pinned(const Device& device, const void* p, std::size_t bytes, bool& valid) {
  const auto* const at = static_cast<const unsigned char*>(p);
  auto next = device.pinned.upper_bound(at);
  if (next == device.pinned.begin()) return false;
  const auto& [start, storage] = *--next;
  if (at >= start + storage.size()) return false;
  valid &= bytes <= storage.size() - static_cast<std::size_t>(at - start);
  return true;
}

cudaError_t copy(const RowCopy& rows, cudaMemcpyKind kind, cudaStream_t handle, bool wait) {
  Device& device = Device::get();
  return device.call(cudaErrorUnknown, [&] {
    CUstream_st* const stream = device.find_stream(handle);
    if (stream == nullptr) return cudaErrorInvalidResourceHandle;
    if (wait && device.capturing()) return cudaErrorStreamCaptureUnsupported;
    if (rows.width == 0 || rows.height == 0) return cudaSuccess;
    if (rows.width > rows.to_pitch || rows.width > rows.from_pitch) return cudaErrorInvalidValue;
    const std::size_t to_bytes = rows.to_pitch * (rows.height - 1) + rows.width;
    const std::size_t from_bytes = rows.from_pitch * (rows.height - 1) + rows.width;
    const bool to_device = device.memory.owns(rows.to), from_device = device.memory.owns(rows.from);
    bool valid = kind == cudaMemcpyDefault ||
                 (to_device == (kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice) &&
                  from_device == (kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice));
    valid &= !to_device || device.memory.contains(rows.to, to_bytes);
    valid &= !from_device || device.memory.contains(rows.from, from_bytes);
    const bool deferred = (to_device || is_pinned(device, rows.to, to_bytes, valid)) &
                          (from_device || is_pinned(device, rows.from, from_bytes, valid));
    if (!valid) return cudaErrorInvalidValue;
    device.enqueue(*stream, [rows] {
      for (std::size_t row = 0; row < rows.height; ++row)
        std::memmove(rows.to + row * rows.to_pitch, rows.from + row * rows.from_pitch, rows.width);
    });
    // A copy from or to pageable memory completes before the call returns, even if it is named Async.
    if ((wait || !deferred) && stream->capture == nullptr) device.drain(*stream);
    return wait ? device.sticky_error : cudaSuccess;
  });
}

RowCopy one_row(void* to, const void* from, std::size_t bytes) {
  return {static_cast<unsigned char*>(to), bytes, static_cast<const unsigned char*>(from), bytes, bytes, 1};
}

}  // namespace

cudaError_t cudaMalloc(void** p, std::size_t bytes) {
  Device& device = Device::get();
  return device.call(cudaErrorMemoryAllocation, [&] {
    if (device.capturing()) return cudaErrorStreamCaptureUnsupported;
    *p = bytes != 0 ? device.memory.allocate(bytes) : nullptr;
    return *p != nullptr || bytes == 0 ? cudaSuccess : cudaErrorMemoryAllocation;
  });
}
cudaError_t cudaFree(void* p) {
  Device& device = Device::get();
  return device.call_release([&] {
    if (p == nullptr) return cudaSuccess;
    if (device.capturing()) return cudaErrorStreamCaptureUnsupported;
    device.drain_all();
    return device.memory.release(p) ? cudaSuccess : cudaErrorInvalidValue;
  });
}
cudaError_t cudaHostAlloc(void** p, std::size_t bytes, unsigned) {
  Device& device = Device::get();
  return device.call(cudaErrorMemoryAllocation, [&] {
    if (bytes > device.memory.total()) return cudaErrorMemoryAllocation;
    std::vector<unsigned char> storage(bytes, 0xff);
    *p = storage.data();
    if (bytes != 0) device.pinned.emplace(storage.data(), std::move(storage));
    return cudaSuccess;
  });
}
cudaError_t cudaMallocHost(void** p, std::size_t bytes) {
  return cudaHostAlloc(p, bytes, cudaHostAllocDefault);
}
cudaError_t cudaFreeHost(void* p) {
  Device& device = Device::get();
  return device.call_release([&] {
    if (p == nullptr) return cudaSuccess;
    device.drain_all();
    return device.pinned.erase(static_cast<unsigned char*>(p)) == 1 ? cudaSuccess : cudaErrorInvalidValue;
  });
}
cudaError_t cudaMemGetInfo(std::size_t* available, std::size_t* total) {
  Device& device = Device::get();
  return device.call(cudaErrorUnknown, [&] {
    *available = device.memory.available();
    *total = device.memory.total();
    return cudaSuccess;
  });
}
cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* p) {
  Device& device = Device::get();
  return device.call(cudaErrorUnknown, [&] {
    void* const q = const_cast<void*>(p);
    bool valid = true;
    if (device.memory.contains(p, 1))
      *attributes = {cudaMemoryTypeDevice, 0, q, nullptr};
    else if (is_pinned(device, p, 1, valid))
      *attributes = {cudaMemoryTypeHost, 0, q, q};
    else
      *attributes = {cudaMemoryTypeUnregistered, -1, nullptr, q};
    return cudaSuccess;
  });
}

cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
  return copy(one_row(to, from, bytes), kind, nullptr, true);
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  return copy(one_row(to, from, bytes), kind, stream, false);
}
cudaError_t cudaMemcpy2D(void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch, std::size_t width,
                         std::size_t height, cudaMemcpyKind kind) {
  return copy(
      {static_cast<unsigned char*>(to), to_pitch, static_cast<const unsigned char*>(from), from_pitch, width, height},
      kind, nullptr, true);
}
cudaError_t cudaMemcpy2DAsync(void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch,
                              std::size_t width, std::size_t height, cudaMemcpyKind kind, cudaStream_t stream) {
  return copy(
      {static_cast<unsigned char*>(to), to_pitch, static_cast<const unsigned char*>(from), from_pitch, width, height},
      kind, stream, false);
}
cudaError_t cudaMemsetAsync(void* to, int value, std::size_t bytes, cudaStream_t handle) {
  Device& device = Device::get();
  return device.call(cudaErrorUnknown, [&] {
    CUstream_st* const stream = device.find_stream(handle);
    if (stream == nullptr) return cudaErrorInvalidResourceHandle;
    if (bytes == 0) return cudaSuccess;
    if (!device.memory.contains(to, bytes)) return cudaErrorInvalidValue;
    device.enqueue(*stream, [=] { std::memset(to, value, bytes); });
    return cudaSuccess;
  });
}
cudaError_t cudaMemset(void* to, int value, std::size_t bytes) {
  return cudaMemsetAsync(to, value, bytes, nullptr);
}
