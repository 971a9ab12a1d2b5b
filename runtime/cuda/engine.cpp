// Batches on a CUDA device. Two streams: pictures go to the device and are letterboxed on one, the network and NMS run
// on the other. So while the network runs on one batch, the next is packed, sent and letterboxed, into memory of its
// own; from there it is copied to the network's input, which lies in the arena. A batch that finds the device idle goes
// there at once.
#include "runtime/engine.h"

#include <cuda_fp16.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "runtime/cuda/device.h"
#include "runtime/cuda/picture_sender.h"
#include "runtime/cuda/program.h"
#include "runtime/model/model.h"
#include "runtime/program_cache.h"

namespace cudet {
namespace {

/// A batch from submit() to collect().
struct Flight {
  std::vector<Frame> frames;
  std::vector<LetterboxFit> fits;
  Event begun = make_event(), letterboxed = make_event();  // of the stream of pictures
  Event started = make_event(), done = make_event();       // of the network's
  PinnedBuffer pinned;                                     // what the call wants, as CandidateLayout has it; then:
  std::size_t counts = 0, boxes = 0;                       // where int an image, and Candidate an image, `room` start
  std::size_t room = 0;                                    // boxes an image

  /// Lays the pinned memory out for this call, and writes what it wants.
  void prepare(const CandidateLayout& layout, std::span<const Frame> batch, const DetectOptions& options);
  /// What the device has sent, once it is done.
  std::vector<Result> results() const;
};

void Flight::prepare(const CandidateLayout& layout, std::span<const Frame> batch, const DetectOptions& options) {
  frames.assign(batch.begin(), batch.end());
  fits.clear();
  room = static_cast<std::size_t>(std::min(options.max_detections, layout.most));
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
  CudaEngine(const Model& model, const InputFit& input_fit, Precision precision);
  ~CudaEngine() override { settle(); }
  CudaEngine(const CudaEngine&) = delete;  // owns the device's memory
  CudaEngine& operator=(const CudaEngine&) = delete;

  Device device() const override { return Device::cuda; }
  Precision precision() const override { return type_ == Type::f16 ? Precision::fp16 : Precision::fp32; }
  void submit(std::span<const Frame> frames, const DetectOptions& options, std::vector<RawOutput>* raw) override;
  std::vector<Result> collect() override;
  std::size_t device_bytes() const override {
    return weights_.bytes() + arena_.bytes() + input_.bytes() + candidates_.bytes() + scratch_.bytes() +
           sender_.device_bytes();
  }

 private:
  CudaProgram& program(int batch, Extent size);
  void reserve(const CudaMemory& needed);
  void start(std::span<const Frame> frames, const DetectOptions& options, std::vector<RawOutput>* raw);
  void send_pictures(const CudaProgram& program, Flight& flight, cudaStream_t callers);
  void run(CudaProgram& program, std::vector<RawOutput>* raw);
  void copy_pixels(const CudaProgram& program, std::vector<RawOutput>& raw);
  void copy_outputs(const CudaProgram& program, std::vector<RawOutput>& raw);

  Memory memory() const { return {arena_.data(), weights_.data()}; }
  /// The network's has the scratch memory, which serves one launch at a time; letterboxes need none.
  CudaStream on_network() const {
    return {network_.get(), device_.multiprocessors, device_.shared_bytes_per_block, scratch_.data(), scratch_.bytes()};
  }
  CudaStream on_pictures() const {
    return {pictures_.get(), device_.multiprocessors, device_.shared_bytes_per_block, nullptr, 0};
  }
  /// Waits until nothing runs, whatever the device says.
  void settle() noexcept {
    for (const Stream* stream : {&pictures_, &network_})
      if (cudaStreamSynchronize(stream->get()) != cudaSuccess) cudaGetLastError();
  }

  Model model_;
  InputFit input_fit_;
  CudaDevice device_;
  Type type_;
  Stream pictures_ = make_stream(), network_ = make_stream();
  Event callers_ = make_order_event();      // what a caller's stream was to do before its frames are read
  Event input_taken_ = make_order_event();  // input_ can be written to
  PackedWeights packed_;                    // where each parameter is in weights_; its bytes are there alone
  DeviceBuffer weights_, arena_, input_, candidates_, scratch_;  // see CudaMemory
  PictureSender sender_;
  RecentPrograms<CudaProgram> programs_;
  std::array<Flight, kMostInFlight> flights_;  // a ring
  std::size_t first_ = 0, in_flight_ = 0;
};

CudaEngine::CudaEngine(const Model& model, const InputFit& input_fit, Precision precision)
    : model_(model),
      input_fit_(input_fit),
      device_(find_cuda_device(precision)),
      type_(precision == Precision::fp16 ? Type::f16 : Type::f32) {
  packed_ = pack_for_cuda(model_.impl().graph, type_);
  weights_ = DeviceBuffer(packed_.bytes.bytes());
  check(
      cudaMemcpyAsync(weights_.data(), packed_.bytes.data(), weights_.bytes(), cudaMemcpyHostToDevice, network_.get()),
      "weights to the device");
  check(cudaStreamSynchronize(network_.get()), "weights to the device");
  packed_.bytes = Buffer();
}

/// What runs `batch` pictures of this size: kept from before, or compiled. There is memory for it.
CudaProgram& CudaEngine::program(int batch, Extent size) {
  if (CudaProgram* known = programs_.find(batch, size)) return *known;
  auto compiled =
      std::make_unique<CudaProgram>(compile(model_.impl().graph, packed_, batch, size, false, {type_, true}));
  reserve(cuda_memory(*compiled, device_.multiprocessors));
  return programs_.add(std::move(compiled));
}

void CudaEngine::reserve(const CudaMemory& needed) {
  const std::pair<DeviceBuffer*, std::size_t> parts[] = {
      {&arena_, needed.arena}, {&input_, needed.input}, {&candidates_, needed.candidates}, {&scratch_, needed.scratch}};
  if (std::all_of(std::begin(parts), std::end(parts), [](const auto& p) { return p.first->bytes() >= p.second; }))
    return;
  settle();           // the batch in flight, if any, has sent its results
  programs_.clear();  // their graphs hold the addresses; should there be no memory for more, they have none
  for (const auto& [buffer, bytes] : parts) {
    if (buffer->bytes() >= bytes) continue;
    *buffer = DeviceBuffer();  // first, so that both are never held
    DeviceBuffer larger(bytes);
    if (buffer == &scratch_)
      check(cudaMemsetAsync(larger.data(), 0, kScratchCounters, network_.get()), "scratch memory");
    if (buffer == &candidates_)  // boxes are copied to the host whether there are as many or not
      check(cudaMemsetAsync(larger.data(), 0, bytes, network_.get()), "memory for candidates");
    *buffer = std::move(larger);
  }
}

void CudaEngine::submit(std::span<const Frame> frames, const DetectOptions& options, std::vector<RawOutput>* raw) {
  const CurrentDevice current(device_.ordinal);
  try {
    start(frames, options, raw);
    ++in_flight_;
  } catch (...) {
    settle();  // what was started of it
    throw;
  }
}

std::vector<Result> CudaEngine::collect() {
  const Flight& flight = flights_[first_];
  first_ = (first_ + 1) % flights_.size();
  --in_flight_;
  try {
    const CurrentDevice current(device_.ordinal);
    check(cudaEventSynchronize(flight.done.get()), "network");
    return flight.results();
  } catch (...) {
    settle();  // the next batch may use its memory
    throw;
  }
}

/// What a call wants, and what it gets, are copied beside the graph, not in it: their fits in the host's memory are
/// the flight's, and the graph is the same for every flight. The copies are queued while the device is busy.
void CudaEngine::start(std::span<const Frame> frames, const DetectOptions& options, std::vector<RawOutput>* raw) {
  CudaProgram& program = this->program(static_cast<int>(frames.size()), input_fit_.input_size(frames));
  const CandidateLayout& layout = program.layout;
  const cudaStream_t stream = network_.get();
  if (in_flight_ == 0) first_ = 0;
  Flight& flight = flights_[(first_ + in_flight_) % flights_.size()];
  flight.prepare(layout, frames, options);
  send_pictures(program, flight, static_cast<cudaStream_t>(options.stream));
  check(cudaMemcpyAsync(candidates_.data(), flight.pinned.data(), layout.found, cudaMemcpyHostToDevice, stream),
        "options to the device");
  run(program, raw);
  check(cudaMemcpyAsync(flight.pinned.data() + flight.counts, candidates_.data() + layout.kept_count,
                        frames.size() * sizeof(int), cudaMemcpyDeviceToHost, stream),
        "detections from the device");
  check(cudaMemcpy2DAsync(flight.pinned.data() + flight.boxes, flight.room * sizeof(Candidate),
                          candidates_.data() + layout.kept, static_cast<std::size_t>(layout.most) * sizeof(Candidate),
                          flight.room * sizeof(Candidate), frames.size(), cudaMemcpyDeviceToHost, stream),
        "detections from the device");
  check(cudaEventRecord(flight.done.get(), stream), "network");
  if (!program.graph) program.capture(memory(), candidates_.data(), on_network());  // while the device works
}

/// Letterboxes the frames into the network's input; the network's stream waits for it.
void CudaEngine::send_pictures(const CudaProgram& program, Flight& flight, cudaStream_t callers) {
  const CudaStream pictures = on_pictures();
  const bool idle = in_flight_ == 0;  // nothing reads or writes the arena
  if (std::any_of(flight.frames.begin(), flight.frames.end(), [](const Frame& f) { return f.on_device; })) {
    check(cudaEventRecord(callers_.get(), callers), "the stream of frames on the device");
    check(cudaStreamWaitEvent(pictures.stream, callers_.get(), 0), "the stream of frames on the device");
  }
  Tensor input = program.input;
  if (!idle) {
    input.offset = 0;
    check(cudaStreamWaitEvent(pictures.stream, input_taken_.get(), 0), "pictures");
  }
  const Memory target{idle ? arena_.data() : input_.data(), nullptr};
  check(cudaEventRecord(flight.begun.get(), pictures.stream), "pictures");
  for (std::size_t i = 0; i < flight.frames.size(); ++i) {
    const Frame& frame = flight.frames[i];
    flight.fits.push_back(input_fit_.fit_frame(frame, program.input_size));
    sender_.letterbox({frame, flight.fits.back(), input, static_cast<int>(i)}, target, pictures);
  }
  check(cudaEventRecord(flight.letterboxed.get(), pictures.stream), "pictures");
  check(cudaStreamWaitEvent(network_.get(), flight.letterboxed.get(), 0), "pictures");
  check(cudaEventRecord(flight.started.get(), network_.get()), "pictures");
  if (idle) return;
  check(cudaMemcpyAsync(arena_.data() + program.input.offset, input_.data(),
                        program.input.pixel(program.batch, 0, 0) * size_of(input.type), cudaMemcpyDeviceToDevice,
                        network_.get()),
        "pictures");
  check(cudaEventRecord(input_taken_.get(), network_.get()), "pictures");
}

/// A size that is new runs step by step, so that CUDA loads each kernel before a graph is made of them.
void CudaEngine::run(CudaProgram& program, std::vector<RawOutput>* raw) {
  const CudaStream network = on_network();
  if (raw) copy_pixels(program, *raw);
  if (program.graph && !raw) {
    check(cudaGraphLaunch(program.graph.get(), network.stream), "network");
    return;
  }
  program.run(memory(), candidates_.data(), network, raw != nullptr);
  if (raw) copy_outputs(program, *raw);
}

void CudaEngine::copy_pixels(const CudaProgram& program, std::vector<RawOutput>& raw) {
  const Tensor& x = program.input;
  const std::size_t pixels = x.pixel(1, 0, 0) / static_cast<std::size_t>(x.pitch);
  std::vector<std::byte> copy(x.pixel(program.batch, 0, 0) * size_of(x.type));
  check(cudaMemcpyAsync(copy.data(), arena_.data() + x.offset, copy.size(), cudaMemcpyDeviceToHost, network_.get()),
        "pixels from the device");
  check(cudaStreamSynchronize(network_.get()), "pixels from the device");
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
  check(cudaMemcpyAsync(copy.data(), arena_.data() + y.offset, copy.size() * sizeof(float), cudaMemcpyDeviceToHost,
                        network_.get()),
        "outputs from the device");
  check(cudaStreamSynchronize(network_.get()), "outputs from the device");
  for (int i = 0; i < program.batch; ++i) {
    RawOutput& one = raw[static_cast<std::size_t>(i)];
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
