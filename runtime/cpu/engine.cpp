// Runs batches on the CPU. submit() does all the work; collect() returns the results.
#include "runtime/engine.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "kernels/nms/nms.h"
#include "runtime/cpu/session.h"

namespace cudet {
namespace {

using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

class CpuEngine : public Engine {
 public:
  CpuEngine(const Model& model, const InputFit& input_fit, Precision precision, int threads)
      : input_fit_(input_fit),
        session_(model, {precision == Precision::int8 ? Type::u8 : Type::f32, threads}),
        wanted_(model.names().size()) {}

  Device device() const override { return Device::cpu; }
  Precision precision() const override { return session_.type() == Type::u8 ? Precision::int8 : Precision::fp32; }
  void submit(std::span<const Frame> frames, const DetectOptions& options, std::vector<RawOutput>* raw) override {
    finished_[in_flight_] = run(frames, options, raw);
    ++in_flight_;
  }
  std::vector<Result> collect() override {
    std::vector<Result> first = std::move(finished_[0]);
    std::move(finished_.begin() + 1, finished_.end(), finished_.begin());
    --in_flight_;
    return first;
  }

 private:
  std::vector<Result> run(std::span<const Frame> frames, const DetectOptions& options, std::vector<RawOutput>* raw);
  void run_nms(const Program& program, const Memory& memory, int image, const Frame& frame,
               const DetectOptions& options, Result& result);
  void copy_input(const Program& program, const Memory& memory, int image, RawOutput& raw) const;
  void copy_output(const Program& program, const Memory& memory, int image, RawOutput& raw) const;

  InputFit input_fit_;
  CpuSession session_;
  std::vector<Candidate> candidates_;
  std::vector<std::uint8_t> wanted_;  // per class: whether its detections count
  std::array<std::vector<Result>, kMaxInFlight> finished_;
  std::size_t in_flight_ = 0;
};

std::vector<Result> CpuEngine::run(std::span<const Frame> frames, const DetectOptions& options,
                                   std::vector<RawOutput>* raw) {
  std::vector<Result> results(frames.size());
  const Program& program = session_.program(static_cast<int>(frames.size()), input_fit_.input_size(frames));
  const Memory memory = session_.memory();
  candidates_.resize(std::max(candidates_.size(), static_cast<std::size_t>(program.output.w)));
  std::fill(wanted_.begin(), wanted_.end(), std::uint8_t{0});
  for (const int c : options.classes) wanted_[c] = 1;

  for (std::size_t i = 0; i < frames.size(); ++i) {
    const auto start = Clock::now();
    session_.letterbox(program, frames[i], input_fit_.fit_frame(frames[i], program.input_size), static_cast<int>(i));
    results[i].ms.letterbox = milliseconds_since(start);
    if (raw) copy_input(program, memory, static_cast<int>(i), raw->emplace_back());
  }
  const auto start = Clock::now();
  session_.run(program);
  const double network = milliseconds_since(start) / static_cast<double>(frames.size());
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const auto nms_start = Clock::now();
    run_nms(program, memory, static_cast<int>(i), frames[i], options, results[i]);
    results[i].ms.network = network;
    results[i].ms.nms = milliseconds_since(nms_start);
    if (raw) copy_output(program, memory, static_cast<int>(i), (*raw)[i]);
  }
  return results;
}

void CpuEngine::run_nms(const Program& program, const Memory& memory, int image, const Frame& frame,
                        const DetectOptions& options, Result& result) {
  const Tensor& output = program.output;
  const Nms nms{arena_data<float>(memory, output) + output.pixel(image, 0, 0),
                output.w,
                output.c - 4,
                options.classes.empty() ? nullptr : wanted_.data(),
                options.confidence,
                options.iou,
                options.agnostic,
                options.max_detections};
  result.finite = nms_rows_are_finite(nms);
  const int count = nms_cpu(nms, candidates_.data());
  result.detections = to_detections({candidates_.data(), static_cast<std::size_t>(count)}, frame,
                                    input_fit_.fit_frame(frame, program.input_size));
}

void CpuEngine::copy_input(const Program& program, const Memory& memory, int image, RawOutput& raw) const {
  const Tensor& x = program.input;
  const std::size_t count = x.pixel(1, 0, 0);
  if (x.type == Type::u8) {
    const std::uint8_t* pixels = arena_data<std::uint8_t>(memory, x) + x.pixel(image, 0, 0);
    raw.pixels.resize(count);
    std::transform(pixels, pixels + count, raw.pixels.begin(),
                   [](std::uint8_t v) { return static_cast<float>(v) / 255; });
  } else {
    const float* pixels = arena_data<float>(memory, x) + x.pixel(image, 0, 0);
    raw.pixels.assign(pixels, pixels + count);
  }
}

void CpuEngine::copy_output(const Program& program, const Memory& memory, int image, RawOutput& raw) const {
  const Tensor& y = program.output;
  raw.input = {program.input_size.h, program.input_size.w};
  raw.channels = y.c;
  raw.anchors = y.w;
  raw.values = channels_first(arena_data<float>(memory, y) + y.pixel(image, 0, 0), y);
}

}  // namespace

std::unique_ptr<Engine> make_cpu_engine(const Model& model, const InputFit& input_fit, Precision precision,
                                        int threads) {
  return std::make_unique<CpuEngine>(model, input_fit, precision, threads);
}

}  // namespace cudet
