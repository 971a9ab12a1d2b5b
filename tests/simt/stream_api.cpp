// Streams, events and graphs. A stream is a queue of work items. An event is a position in such a queue. A graph is the
// list of work items that streams were given during a capture.
#include <algorithm>

#include "tests/simt/device.h"

using simt::Device;

namespace simt {

CUstream_st* Device::find_stream(cudaStream_t handle) {
  if (handle == nullptr) return default_stream.get();
  const auto found = streams.find(handle);
  return found != streams.end() ? found->second.get() : nullptr;
}

void Device::enqueue(CUstream_st& stream, Work work) {
  if (stream.capture != nullptr) {
    stream.capture->nodes.push_back(std::move(work));
    stream.unjoined = &stream != stream.capture->origin;
    return;
  }
  if (&stream == default_stream.get()) {
    for (const auto& [handle, other] : streams)
      if (other->blocking) drain(*other);
  } else if (stream.blocking) {
    drain(*default_stream);
  }
  stream.pending.push_back(std::move(work));
  ++stream.enqueued;
  if ((random = random * 1664525 + 1013904223) >> 31 != 0) drain(stream);
}

void Device::drain(CUstream_st& stream, std::uint64_t ticket) {
  if (stream.done >= ticket) return;
  const bool opened = memory.open();
  while (stream.done < ticket) {
    const Work work = std::move(stream.pending.front());
    stream.pending.pop_front();
    ++stream.done;
    if (sticky_error == cudaSuccess) work();
  }
  if (opened) memory.close();
}

void Device::drain_all() {
  drain(*default_stream);
  for (const auto& [handle, stream] : streams) drain(*stream);
}

bool Device::capturing() const {
  return std::any_of(streams.begin(), streams.end(), [](const auto& entry) {
    const CUgraph_st* const graph = entry.second->capture;
    return graph != nullptr &&
           (graph->mode == cudaStreamCaptureModeGlobal ||
            (graph->mode == cudaStreamCaptureModeThreadLocal && graph->thread == std::this_thread::get_id()));
  });
}

void Device::end_capture(CUgraph_st* graph) {
  for (const auto& [handle, stream] : streams)
    if (stream->capture == graph) stream->capture = nullptr;
  for (const auto& [handle, event] : events)
    if (event->capture == graph) *event = {};
}

namespace {

template <class T>
T* find(const std::map<T*, std::unique_ptr<T>>& objects, T* handle) {
  return objects.count(handle) != 0 ? handle : nullptr;
}
template <class T>
cudaError_t make(std::map<T*, std::unique_ptr<T>>& objects, T** handle) {
  auto object = std::make_unique<T>();
  *handle = object.get();
  objects.emplace(*handle, std::move(object));
  return cudaSuccess;
}
template <class T>
cudaError_t destroy(std::map<T*, std::unique_ptr<T>> Device::*objects, T* handle) {
  Device& device = Device::get();
  return device.call_release(
      [&] { return (device.*objects).erase(handle) == 1 ? cudaSuccess : cudaErrorInvalidResourceHandle; });
}

// Calls body(device, stream), or fails if there is no such stream. The same for events.
template <class F>
cudaError_t on_stream(cudaStream_t handle, cudaError_t failure, F body) {
  Device& device = Device::get();
  return device.call(failure, [&] {
    CUstream_st* const stream = device.find_stream(handle);
    return stream != nullptr ? body(device, *stream) : cudaErrorInvalidResourceHandle;
  });
}
template <class F>
cudaError_t on_event(cudaEvent_t handle, F body) {
  Device& device = Device::get();
  return device.call(cudaErrorUnknown, [&] {
    return find(device.events, handle) != nullptr ? body(device, *handle) : cudaErrorInvalidResourceHandle;
  });
}

}  // namespace
}  // namespace simt

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* handle, unsigned flags) {
  Device& device = Device::get();
  return device.call(cudaErrorMemoryAllocation, [&] {
    auto stream = std::make_shared<CUstream_st>();
    stream->blocking = (flags & cudaStreamNonBlocking) == 0;
    *handle = stream.get();
    device.streams.emplace(*handle, std::move(stream));
    return cudaSuccess;
  });
}
cudaError_t cudaStreamCreate(cudaStream_t* handle) {
  return cudaStreamCreateWithFlags(handle, cudaStreamDefault);
}
cudaError_t cudaStreamDestroy(cudaStream_t handle) {
  Device& device = Device::get();
  return device.call_release([&] {
    const auto found = device.streams.find(handle);
    if (found == device.streams.end()) return cudaErrorInvalidResourceHandle;
    device.drain(*found->second);
    device.streams.erase(found);
    return cudaSuccess;
  });
}
cudaError_t cudaStreamSynchronize(cudaStream_t handle) {
  return simt::on_stream(handle, cudaErrorUnknown, [](Device& device, CUstream_st& stream) {
    if (stream.capture != nullptr) return cudaErrorStreamCaptureUnsupported;
    device.drain(stream);
    return device.sticky_error;
  });
}
cudaError_t cudaStreamQuery(cudaStream_t handle) {
  return simt::on_stream(handle, cudaErrorUnknown, [](Device& device, CUstream_st& stream) {
    if (stream.capture != nullptr) return cudaErrorStreamCaptureUnsupported;
    if (stream.pending.empty()) return device.sticky_error;
    device.drain(stream, stream.done + 1);  // progress, so that a loop of queries ends
    return cudaErrorNotReady;
  });
}
cudaError_t cudaDeviceSynchronize() {
  Device& device = Device::get();
  return device.call(cudaErrorUnknown, [&] {
    if (device.capturing()) return cudaErrorStreamCaptureUnsupported;
    device.drain_all();
    return device.sticky_error;
  });
}
cudaError_t cudaDeviceReset() {
  Device& device = Device::get();
  const std::lock_guard lock(device.mutex);
  device.last_error = device.sticky_error = cudaSuccess;
  return cudaSuccess;
}
cudaError_t cudaLaunchHostFunc(cudaStream_t handle, cudaHostFn_t function, void* data) {
  return simt::on_stream(handle, cudaErrorUnknown, [=](Device& device, CUstream_st& stream) {
    device.enqueue(stream, [=] { function(data); });
    return cudaSuccess;
  });
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* handle, unsigned) {
  Device& device = Device::get();
  return device.call(cudaErrorMemoryAllocation, [&] { return simt::make(device.events, handle); });
}
cudaError_t cudaEventCreate(cudaEvent_t* handle) {
  return cudaEventCreateWithFlags(handle, cudaEventDefault);
}
cudaError_t cudaEventDestroy(cudaEvent_t handle) {
  Device& device = Device::get();
  return device.call_release([&] {
    if (simt::find(device.events, handle) == nullptr) return cudaErrorInvalidResourceHandle;
    if (handle->stream && handle->capture == nullptr)
      device.drain(*handle->stream, handle->ticket);  // that work item writes to the event
    device.events.erase(handle);
    return cudaSuccess;
  });
}
cudaError_t cudaEventRecord(cudaEvent_t handle, cudaStream_t stream_handle) {
  return simt::on_event(handle, [&](Device& device, CUevent_st& event) {
    CUstream_st* const stream = device.find_stream(stream_handle);
    if (stream == nullptr) return cudaErrorInvalidResourceHandle;
    event.stream = stream == device.default_stream.get() ? device.default_stream : device.streams[stream];
    event.capture = stream->capture;
    if (event.capture != nullptr) return cudaSuccess;
    device.enqueue(*stream, [&event] { event.time = std::chrono::steady_clock::now(); });
    event.ticket = stream->enqueued;
    return cudaSuccess;
  });
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t handle, unsigned) {
  return simt::on_event(handle, [&](Device& device, CUevent_st& event) {
    CUstream_st* const waiting = device.find_stream(stream);
    if (waiting == nullptr) return cudaErrorInvalidResourceHandle;
    if (event.capture != nullptr) {
      event.stream->unjoined = false;
      waiting->capture = event.capture;
      waiting->unjoined = waiting != event.capture->origin;
    } else if (event.stream) {
      device.enqueue(*waiting,
                     [&device, first = event.stream, ticket = event.ticket] { device.drain(*first, ticket); });
    }
    return cudaSuccess;
  });
}
cudaError_t cudaEventSynchronize(cudaEvent_t handle) {
  return simt::on_event(handle, [](Device& device, CUevent_st& event) {
    if (event.capture != nullptr) return cudaErrorStreamCaptureUnsupported;
    if (event.stream) device.drain(*event.stream, event.ticket);
    return device.sticky_error;
  });
}
cudaError_t cudaEventQuery(cudaEvent_t handle) {
  return simt::on_event(handle, [](Device& device, CUevent_st& event) {
    if (event.capture != nullptr) return cudaErrorStreamCaptureUnsupported;
    if (!event.stream || event.stream->done >= event.ticket) return device.sticky_error;
    device.drain(*event.stream, event.stream->done + 1);
    return cudaErrorNotReady;
  });
}
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
  return simt::on_event(start, [&](Device& device, CUevent_st& from) {
    if (simt::find(device.events, end) == nullptr || !from.stream || !end->stream)
      return cudaErrorInvalidResourceHandle;
    if (from.stream->done < from.ticket || end->stream->done < end->ticket) return cudaErrorNotReady;
    *milliseconds = std::chrono::duration<float, std::milli>(end->time - from.time).count();
    return cudaSuccess;
  });
}

cudaError_t cudaStreamBeginCapture(cudaStream_t handle, cudaStreamCaptureMode mode) {
  return simt::on_stream(handle, cudaErrorUnknown, [mode](Device& device, CUstream_st& stream) {
    if (&stream == device.default_stream.get() || stream.capture != nullptr) return cudaErrorStreamCaptureUnsupported;
    simt::make(device.graphs, &stream.capture);
    stream.capture->origin = &stream;
    stream.capture->mode = mode;
    stream.capture->thread = std::this_thread::get_id();
    return cudaSuccess;
  });
}
cudaError_t cudaStreamEndCapture(cudaStream_t handle, cudaGraph_t* graph) {
  Device& device = Device::get();
  const std::lock_guard lock(device.mutex);
  CUstream_st* const stream = device.find_stream(handle);
  const cudaGraph_t captured = stream != nullptr ? stream->capture : nullptr;
  const cudaError_t error = device.call(cudaErrorUnknown, [&] {
    if (captured == nullptr || captured->origin != stream) return cudaErrorInvalidValue;
    for (const auto& [other_handle, other] : device.streams)
      if (other->capture == captured && other->unjoined) return cudaErrorStreamCaptureUnjoined;
    return cudaSuccess;
  });
  if (captured != nullptr) device.end_capture(captured);
  if (error != cudaSuccess) device.graphs.erase(captured);  // a failed capture leaves no graph
  *graph = error == cudaSuccess ? captured : nullptr;
  return error;
}
cudaError_t cudaStreamIsCapturing(cudaStream_t handle, cudaStreamCaptureStatus* status) {
  return simt::on_stream(handle, cudaErrorUnknown, [=](Device&, CUstream_st& stream) {
    *status = stream.capture != nullptr ? cudaStreamCaptureStatusActive : cudaStreamCaptureStatusNone;
    return cudaSuccess;
  });
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long) {
  Device& device = Device::get();
  return device.call(cudaErrorMemoryAllocation, [&] {
    if (simt::find(device.graphs, graph) == nullptr) return cudaErrorInvalidValue;
    simt::make(device.graph_execs, exec);
    (*exec)->nodes = std::make_shared<const std::vector<simt::Work>>(graph->nodes);
    return cudaSuccess;
  });
}
cudaError_t cudaGraphUpload(cudaGraphExec_t exec, cudaStream_t handle) {
  return simt::on_stream(handle, cudaErrorUnknown, [=](Device& device, CUstream_st&) {
    return simt::find(device.graph_execs, exec) != nullptr ? cudaSuccess : cudaErrorInvalidValue;
  });
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t handle) {
  return simt::on_stream(handle, cudaErrorUnknown, [=](Device& device, CUstream_st& stream) {
    if (simt::find(device.graph_execs, exec) == nullptr) return cudaErrorInvalidValue;
    device.enqueue(stream, [&device, nodes = exec->nodes] {
      for (const simt::Work& node : *nodes)
        if (device.sticky_error == cudaSuccess) node();
    });
    return cudaSuccess;
  });
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  return simt::destroy(&Device::graphs, graph);
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  return simt::destroy(&Device::graph_execs, exec);
}
