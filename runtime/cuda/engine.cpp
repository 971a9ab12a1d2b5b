// Runs batches on a CUDA device, overlapped: while the network runs on one batch, the next one is packed, sent and
// letterboxed on a second stream, into a buffer of its own. The network's stream then copies it to the network's input
// in the arena. A batch that finds the device idle is letterboxed into the arena directly.
#include "runtime/engine.h"

#include <cuda_fp16.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "runtime/cuda/session.h"

namespace cudet {
namespace {

/// A batch between submit() and collect().
struct Flight {
  std::vector<Frame> frames;
  std::vector<LetterboxFit> fits;
  Event begun = make_event(), letterboxed = make_event();  // on the images' stream
  Event started = make_event(), done = make_event();       // on the network's stream
  PinnedBuffer pinned;                                     // options, as in CandidateLayout, then results:
  std::size_t counts = 0, boxes = 0;                       // offsets of int per image and of room Candidates per image
  std::size_t room = 0;                                    // maximum number of boxes per image

  /// Lays out the pinned memory for this call and writes its options.
  void prepare(const CandidateLayout& layout, std::span<const Frame> batch, const DetectOptions& options);
  /// Returns the results that the device has sent. Call it after `done`.
  std::vector<Result> results() const;
};

void Flight::prepare(const CandidateLayout& layout, std::span<const Frame> batch, const DetectOptions& options) {
  frames.assign(batch.begin(), batch.end());
  fits.clear();
  room = static_cast<std::size_t>(std::min(options.max_detections, layout.max_kept));
  counts = layout.found;
  boxes = align_up(counts + frames.size() * sizeof(int));
  const std::size_t bytes = boxes + frames.size() * room * sizeof(Candidate);
  if (bytes > pinned.bytes()) {
    pinned = PinnedBuffer();
    pinned = PinnedBuffer(bytes);
  }
  const NmsParameters parameters{options.confidence, options.iou, options.max_detections, options.agnostic};
  std::memcpy(pinned.data() + layout.parameters, &parameters, sizeof parameters);
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
    int count = 0;
    std::memcpy(&count, pinned.data() + counts + i * sizeof count, sizeof count);
    const auto* const kept = reinterpret_cast<const Candidate*>(pinned.data() + boxes) + i * room;
    results[i].detections = to_detections({kept, static_cast<std::size_t>(count)}, frames[i], fits[i]);
    results[i].ms = {letterbox / batch, network / batch, 0};
  }
  return results;
}

class CudaEngine : public Engine {
 public:
  CudaEngine(const Model& model, const InputFit& input_fit, Precision precision)
      : input_fit_(input_fit), session_(model, precision) {}
  ~CudaEngine() override { session_.synchronize(); }  // the device may still write to flights_
  CudaEngine(const CudaEngine&) = delete;             // owns the device's memory
  CudaEngine& operator=(const CudaEngine&) = delete;

  Device device() const override { return Device::cuda; }
  Precision precision() const override { return session_.type() == Type::f16 ? Precision::fp16 : Precision::fp32; }
  void submit(std::span<const Frame> frames, const DetectOptions& options, std::vector<RawOutput>* raw) override;
  std::vector<Result> collect() override;
  std::size_t device_bytes() const override { return session_.device_bytes(); }

 private:
  void start(std::span<const Frame> frames, const DetectOptions& options, std::vector<RawOutput>* raw);
  void send_images(const CudaProgram& program, Flight& flight, cudaStream_t callers);
  void run(CudaProgram& program, std::vector<RawOutput>* raw);
  void copy_pixels(const CudaProgram& program, std::vector<RawOutput>& raw);
  void copy_outputs(const CudaProgram& program, std::vector<RawOutput>& raw);

  InputFit input_fit_;
  CudaSession session_;
  Event callers_ = make_order_event();        // the caller's stream has finished what frames on the device wait for
  Event input_taken_ = make_order_event();    // the session's next_input() may be overwritten
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
  const Flight& flight = flights_[first_];
  first_ = (first_ + 1) % flights_.size();
  --in_flight_;
  try {
    const CurrentDevice current(session_.device().ordinal);
    check(cudaEventSynchronize(flight.done.get()), "network");
    return flight.results();
  } catch (...) {
    session_.synchronize();  // the next batch may use its memory
    throw;
  }
}

/// A call's options and results are copied outside the graph: their addresses in host memory are the flight's, and one
/// graph serves all flights. The copies are queued while the device is busy.
void CudaEngine::start(std::span<const Frame> frames, const DetectOptions& options, std::vector<RawOutput>* raw) {
  CudaProgram& program = session_.program(static_cast<int>(frames.size()), input_fit_.input_size(frames));
  const CandidateLayout& layout = program.layout;
  const cudaStream_t stream = session_.network_stream();
  std::byte* const candidates = session_.candidates();
  if (in_flight_ == 0) first_ = 0;
  Flight& flight = flights_[(first_ + in_flight_) % flights_.size()];
  flight.prepare(layout, frames, options);
  send_images(program, flight, static_cast<cudaStream_t>(options.stream));
  check(cudaMemcpyAsync(candidates, flight.pinned.data(), layout.found, cudaMemcpyHostToDevice, stream),
        "options to the device");
  run(program, raw);
  check(cudaMemcpyAsync(flight.pinned.data() + flight.counts, candidates + layout.kept_count,
                        frames.size() * sizeof(int), cudaMemcpyDeviceToHost, stream),
        "detections from the device");
  check(cudaMemcpy2DAsync(flight.pinned.data() + flight.boxes, flight.room * sizeof(Candidate),
                          candidates + layout.kept, static_cast<std::size_t>(layout.max_kept) * sizeof(Candidate),
                          flight.room * sizeof(Candidate), frames.size(), cudaMemcpyDeviceToHost, stream),
        "detections from the device");
  check(cudaEventRecord(flight.done.get(), stream), "network");
  if (!program.graph) session_.capture(program);  // while the device is busy
}

/// Letterboxes the frames into the network's input, for which the network's stream waits.
void CudaEngine::send_images(const CudaProgram& program, Flight& flight, cudaStream_t callers) {
  const cudaStream_t images = session_.image_stream(), network = session_.network_stream();
  const bool idle = in_flight_ == 0;  // nothing reads or writes the arena
  if (std::any_of(flight.frames.begin(), flight.frames.end(), [](const Frame& f) { return f.on_device; })) {
    check(cudaEventRecord(callers_.get(), callers), "the stream of frames on the device");
    check(cudaStreamWaitEvent(images, callers_.get(), 0), "the stream of frames on the device");
  }
  Tensor input = program.input;
  if (!idle) {
    input.offset = 0;
    check(cudaStreamWaitEvent(images, input_taken_.get(), 0), "images");
  }
  const Memory target = idle ? session_.memory() : session_.next_input();
  check(cudaEventRecord(flight.begun.get(), images), "images");
  for (std::size_t i = 0; i < flight.frames.size(); ++i) {
    const Frame& frame = flight.frames[i];
    flight.fits.push_back(input_fit_.fit_frame(frame, program.input_size));
    session_.letterbox(frame, flight.fits.back(), input, static_cast<int>(i), target);
  }
  check(cudaEventRecord(flight.letterboxed.get(), images), "images");
  check(cudaStreamWaitEvent(network, flight.letterboxed.get(), 0), "images");
  check(cudaEventRecord(flight.started.get(), network), "images");
  if (idle) return;
  session_.copy_next_input(program);
  check(cudaEventRecord(input_taken_.get(), network), "images");
}

/// Runs a new size step by step, so that CUDA loads each kernel before a graph is captured.
void CudaEngine::run(CudaProgram& program, std::vector<RawOutput>* raw) {
  if (raw) copy_pixels(program, *raw);
  if (program.graph && !raw) {
    check(cudaGraphLaunch(program.graph.get(), session_.network_stream()), "network");
    return;
  }
  session_.run(program, raw != nullptr);
  if (raw) copy_outputs(program, *raw);
}

void CudaEngine::copy_pixels(const CudaProgram& program, std::vector<RawOutput>& raw) {
  const Tensor& x = program.input;
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

std::unique_ptr<Engine> make_cuda_engine(const Model& model, const InputFit& input_fit, Precision precision) {
  return std::make_unique<CudaEngine>(model, input_fit, precision);
}

}  // namespace cudet
