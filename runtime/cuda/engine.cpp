// Runs batches on a CUDA device, overlapped: while the network runs on one batch, the next one is packed, sent and
// letterboxed on a second stream, into an input of its own.
#include "runtime/engine.h"

#include <cuda_fp16.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "runtime/cuda/session.h"

namespace cudet {
namespace {

/// A batch between submit() and collect().
struct Flight {
  int slot = 0;  // which of the network's two inputs is its own
  std::vector<Frame> frames;
  Extent input_size{};
  std::vector<LetterboxFit> fits;
  Event begun = make_event(), letterboxed = make_event();  // on the images' stream
  Event started = make_event(), done = make_event();       // on the network's stream
  PinnedBuffer pinned;                                     // options, as in CandidateLayout, then results:
  // Offsets of a flag, of what the device has from CandidateLayout::found to kept_count, and of `room` Candidates per
  // image.
  std::size_t stopped = 0, counts = 0, boxes = 0;
  std::size_t kept_counts = 0;  // offset of kept_count from `counts`
  std::size_t room = 0;         // maximum number of boxes per image

  /// Lays out the pinned memory for this call and writes its options.
  void prepare(const CandidateLayout& layout, std::span<const Frame> batch, const DetectOptions& options);
  /// Whether the persistent kernel was stopped, so that there are no results. Call it after `done`.
  bool was_stopped() const {
    unsigned flag = 0;
    std::memcpy(&flag, pinned.data() + stopped, sizeof flag);
    return flag != 0;
  }
  /// Returns the results that the device has sent. Call it after `done`.
  std::vector<Result> results() const;
};

void Flight::prepare(const CandidateLayout& layout, std::span<const Frame> batch, const DetectOptions& options) {
  frames.assign(batch.begin(), batch.end());
  fits.clear();
  room = static_cast<std::size_t>(std::min(options.max_detections, layout.max_kept));
  stopped = layout.found;
  counts = stopped + sizeof(unsigned);
  kept_counts = layout.kept_count - layout.found;
  boxes = align_up(counts + kept_counts + frames.size() * sizeof(int));
  const std::size_t bytes = boxes + frames.size() * room * sizeof(Candidate);
  if (bytes > pinned.bytes()) {
    pinned = PinnedBuffer();
    pinned = PinnedBuffer(bytes);
  }
  const NmsParameters parameters{options.confidence, options.iou, options.max_detections, options.agnostic};
  std::memcpy(pinned.data() + layout.parameters, &parameters, sizeof parameters);
  std::memset(pinned.data() + stopped, 0, sizeof(unsigned));
  std::byte* const wanted = pinned.data() + layout.wanted;
  std::fill_n(wanted, layout.classes, std::byte{options.classes.empty()});
  for (const int c : options.classes) wanted[c] = std::byte{1};
}

std::vector<Result> Flight::results() const {
  const float batch = static_cast<float>(frames.size());
  float letterbox = 0, network = 0;
  check(cudaEventElapsedTime(&letterbox, begun.get(), letterboxed.get()), "time");
  check(cudaEventElapsedTime(&network, started.get(), done.get()), "time");
  std::vector<Result> results(frames.size());
  for (std::size_t i = 0; i < frames.size(); ++i) {
    int count = 0, not_finite = 0;
    std::memcpy(&count, pinned.data() + counts + kept_counts + i * sizeof count, sizeof count);
    std::memcpy(&not_finite, pinned.data() + counts + (frames.size() + i) * sizeof not_finite, sizeof not_finite);
    results[i].finite = not_finite == 0;
    const auto* const kept = reinterpret_cast<const Candidate*>(pinned.data() + boxes) + i * room;
    results[i].detections = to_detections({kept, static_cast<std::size_t>(count)}, frames[i], fits[i]);
    results[i].ms = {letterbox / batch, network / batch, 0};
  }
  return results;
}

/// Throws Error unless the device can read at `pixels`. A kernel that reads other memory would end all CUDA work of the
/// process.
void require_device_pointer(const void* pixels, const CudaDevice& device) {
  cudaPointerAttributes attributes{};
  check(cudaPointerGetAttributes(&attributes, pixels), "a frame on the device");
  const bool other = attributes.type == cudaMemoryTypeDevice && attributes.device != device.ordinal;
  if (other || (attributes.type == cudaMemoryTypeUnregistered && !device.reads_pageable_memory))
    throw Error(std::string("a frame with on_device has pixels in ") + (other ? "another device's" : "the host's") +
                " memory");
}

class CudaEngine : public Engine {
 public:
  CudaEngine(const Model& model, const InputFit& input_fit, const CudaOptions& options)
      : input_fit_(input_fit), session_(model, options.precision, options.executor) {
    for (std::size_t i = 0; i < flights_.size(); ++i) flights_[i].slot = static_cast<int>(i);
  }
  ~CudaEngine() override { session_.synchronize(); }  // the device may still write to flights_
  CudaEngine(const CudaEngine&) = delete;             // owns the device's memory
  CudaEngine& operator=(const CudaEngine&) = delete;

  Device device() const override { return Device::cuda; }
  Precision precision() const override { return session_.type() == Type::f16 ? Precision::fp16 : Precision::fp32; }
  void submit(std::span<const Frame> frames, const DetectOptions& options, std::vector<RawOutput>* raw) override;
  std::vector<Result> collect() override;
  std::string take_warning() override { return std::exchange(warning_, {}); }
  std::size_t device_bytes() const override { return session_.device_bytes(); }

 private:
  void start(std::span<const Frame> frames, const DetectOptions& options, std::vector<RawOutput>* raw);
  void send_images(const CudaProgram& program, Flight& flight, cudaStream_t callers);
  void queue(CudaProgram& program, const Flight& flight, std::vector<RawOutput>* raw);
  void run(CudaProgram& program, const Flight& flight, std::vector<RawOutput>* raw);
  bool uses_persistent(const CudaProgram& program) const { return persistent_ && program.persistent.has_value(); }
  Flight& in_flight(std::size_t i) { return flights_[(first_ + i) % flights_.size()]; }
  void repeat_stopped();
  void copy_pixels(const CudaProgram& program, int slot, std::vector<RawOutput>& raw);
  void copy_outputs(const CudaProgram& program, std::vector<RawOutput>& raw);

  InputFit input_fit_;
  CudaSession session_;
  bool persistent_ = true;  // until a launch is stopped
  std::string warning_;
  Event callers_ = make_order_event();        // the caller's stream has finished what frames on the device wait for
  std::array<Flight, kMaxInFlight> flights_;  // a ring buffer
  std::size_t first_ = 0, in_flight_ = 0;
};

void CudaEngine::submit(std::span<const Frame> frames, const DetectOptions& options, std::vector<RawOutput>* raw) {
  const CurrentDevice current(session_.device().ordinal);
  try {
    start(frames, options, raw);
    ++in_flight_;
  } catch (...) {
    session_.synchronize();  // the device may still use the flight's memory
    throw;
  }
}

std::vector<Result> CudaEngine::collect() {
  Flight& flight = in_flight(0);
  const auto drop = [&] {
    first_ = (first_ + 1) % flights_.size();
    --in_flight_;
  };
  try {
    const CurrentDevice current(session_.device().ordinal);
    check(cudaEventSynchronize(flight.done.get()), "network");
    if (flight.was_stopped()) repeat_stopped();
    std::vector<Result> results = flight.results();
    drop();
    return results;
  } catch (...) {
    session_.synchronize();  // the next batch may use its memory
    drop();
    throw;
  }
}

/// Runs the batches in flight again step by step. Their inputs are still in the arena.
void CudaEngine::repeat_stopped() {
  persistent_ = false;
  warning_ = "the network's launch made no progress for a second and was stopped: it now runs as a graph";
  check(cudaStreamSynchronize(session_.network_stream()), "network");
  for (std::size_t i = 0; i < in_flight_; ++i) {
    Flight& flight = in_flight(i);
    queue(session_.program(static_cast<int>(flight.frames.size()), flight.input_size), flight, nullptr);
    check(cudaEventSynchronize(flight.done.get()), "network");
    std::memset(flight.pinned.data() + flight.stopped, 0, sizeof(unsigned));  // not before: the calls above may throw
  }
}

void CudaEngine::start(std::span<const Frame> frames, const DetectOptions& options, std::vector<RawOutput>* raw) {
  const int batch = static_cast<int>(frames.size());
  const Extent size = input_fit_.input_size(frames);
  for (const Frame& frame : frames)
    if (frame.on_device)
      for (const std::uint8_t* plane : {frame.data, frame.chroma})
        if (plane) require_device_pointer(plane, session_.device());
  const bool needs_second = in_flight_ > 0 && session_.inputs() == 1;
  if (needs_second || (in_flight_ > 0 && !session_.is_cached(batch, size))) {
    // The new Program may move the arena, and with it the input of the batch in flight.
    check(cudaEventSynchronize(in_flight(0).done.get()), "network");
    if (in_flight(0).was_stopped()) repeat_stopped();
  }
  if (needs_second) session_.set_inputs(2);
  CudaProgram& program = [&]() -> CudaProgram& {
    try {
      return session_.program(batch, size);
    } catch (...) {
      if (needs_second) session_.set_inputs(1);  // a batch alone may still fit
      throw;
    }
  }();
  if (in_flight_ == 0) first_ = 0;
  Flight& flight = in_flight(in_flight_);
  flight.prepare(program.layout, frames, options);
  flight.input_size = size;
  send_images(program, flight, static_cast<cudaStream_t>(options.stream));
  queue(program, flight, raw);
  GraphExec& graph = program.graphs[static_cast<std::size_t>(flight.slot)];
  if (!uses_persistent(program) && !graph) session_.capture(program, flight.slot);  // while the device is busy
}

/// Queues the network and the copies of options and results. The copies are outside of the graph: their addresses in
/// host memory are the flight's, and one graph serves all flights of an input.
void CudaEngine::queue(CudaProgram& program, const Flight& flight, std::vector<RawOutput>* raw) {
  const CandidateLayout& layout = program.layout;
  const cudaStream_t stream = session_.network_stream();
  std::byte* const candidates = session_.candidates();
  const std::size_t images = flight.frames.size();
  check(cudaEventRecord(flight.started.get(), stream), "network");
  check(cudaMemcpyAsync(candidates, flight.pinned.data(), layout.found, cudaMemcpyHostToDevice, stream),
        "options to the device");
  run(program, flight, raw);
  check(cudaMemcpyAsync(flight.pinned.data() + flight.counts, candidates + layout.found,
                        flight.kept_counts + images * sizeof(int), cudaMemcpyDeviceToHost, stream),
        "detections from the device");
  check(cudaMemcpy2DAsync(flight.pinned.data() + flight.boxes, flight.room * sizeof(Candidate),
                          candidates + layout.kept, static_cast<std::size_t>(layout.max_kept) * sizeof(Candidate),
                          flight.room * sizeof(Candidate), images, cudaMemcpyDeviceToHost, stream),
        "detections from the device");
  check(cudaEventRecord(flight.done.get(), stream), "network");
}

/// Letterboxes the frames into the flight's input, for which the network's stream waits. Nothing else uses this input:
/// its last batch was collected.
void CudaEngine::send_images(const CudaProgram& program, Flight& flight, cudaStream_t callers) {
  const cudaStream_t images = session_.image_stream();
  if (std::any_of(flight.frames.begin(), flight.frames.end(), [](const Frame& f) { return f.on_device; })) {
    check(cudaEventRecord(callers_.get(), callers), "the stream of frames on the device");
    check(cudaStreamWaitEvent(images, callers_.get(), 0), "the stream of frames on the device");
  }
  const Tensor input = program.input_of(flight.slot);
  check(cudaEventRecord(flight.begun.get(), images), "images");
  for (std::size_t i = 0; i < flight.frames.size(); ++i) {
    const Frame& frame = flight.frames[i];
    flight.fits.push_back(input_fit_.fit_frame(frame, program.input_size));
    session_.letterbox(frame, flight.fits.back(), input, static_cast<int>(i), session_.memory());
  }
  check(cudaEventRecord(flight.letterboxed.get(), images), "images");
  check(cudaStreamWaitEvent(session_.network_stream(), flight.letterboxed.get(), 0), "images");
}

/// Without a graph, runs step by step, so that CUDA loads each kernel before a graph is captured.
void CudaEngine::run(CudaProgram& program, const Flight& flight, std::vector<RawOutput>* raw) {
  if (raw) copy_pixels(program, flight.slot, *raw);
  const GraphExec& graph = program.graphs[static_cast<std::size_t>(flight.slot)];
  if (!raw && uses_persistent(program)) {
    session_.launch_persistent(program, flight.slot);
    program.persistent->copy_stopped(reinterpret_cast<unsigned*>(flight.pinned.data() + flight.stopped),
                                     session_.network_stream());
  } else if (!raw && graph) {
    check(cudaGraphLaunch(graph.get(), session_.network_stream()), "network");
  } else {
    session_.run(program, flight.slot, raw != nullptr);
  }
  if (raw) copy_outputs(program, *raw);
}

void CudaEngine::copy_pixels(const CudaProgram& program, int slot, std::vector<RawOutput>& raw) {
  const Tensor x = program.input_of(slot);
  const std::size_t pixels = x.pixel(1, 0, 0) / static_cast<std::size_t>(x.pitch);
  std::vector<std::byte> copy(x.pixel(program.batch, 0, 0) * size_of(x.type));
  check(cudaMemcpyAsync(copy.data(), session_.memory().arena + x.offset, copy.size(), cudaMemcpyDeviceToHost,
                        session_.network_stream()),
        "pixels from the device");
  check(cudaStreamSynchronize(session_.network_stream()), "pixels from the device");
  const auto value = [&](std::size_t element) {
    if (x.type == Type::f32) return reinterpret_cast<const float*>(copy.data())[element];
    return __half2float(reinterpret_cast<const __half*>(copy.data())[element]);
  };
  for (int i = 0; i < program.batch; ++i) {
    std::vector<float>& values = raw.emplace_back().pixels;
    values.reserve(3 * pixels);
    for (std::size_t p = 0; p < pixels; ++p)
      for (std::size_t c = 0; c < 3; ++c)
        values.push_back(value(x.pixel(i, 0, 0) + p * static_cast<std::size_t>(x.pitch) + c));
  }
}

void CudaEngine::copy_outputs(const CudaProgram& program, std::vector<RawOutput>& raw) {
  const Tensor& y = program.output;
  std::vector<float> copy(y.pixel(y.n, 0, 0));
  check(cudaMemcpyAsync(copy.data(), session_.memory().arena + y.offset, copy.size() * sizeof(float),
                        cudaMemcpyDeviceToHost, session_.network_stream()),
        "outputs from the device");
  check(cudaStreamSynchronize(session_.network_stream()), "outputs from the device");
  for (int i = 0; i < program.batch; ++i) {
    RawOutput& one = raw[i];
    one.input = {program.input_size.h, program.input_size.w};
    one.channels = y.c;
    one.anchors = y.w;
    one.values = channels_first(copy.data() + y.pixel(i, 0, 0), y);
  }
}

}  // namespace

std::unique_ptr<Engine> make_cuda_engine(const Model& model, const InputFit& input_fit, const CudaOptions& options) {
  if (options.device < 0) return std::make_unique<CudaEngine>(model, input_fit, options);
  require_cuda_device(options.device);
  const CurrentDevice current(options.device);
  return std::make_unique<CudaEngine>(model, input_fit, options);
}

}  // namespace cudet
