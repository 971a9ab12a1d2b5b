#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>

#include "kernels/letterbox/letterbox.h"
#include "kernels/nms/nms.h"
#include "runtime/executor.h"
#include "runtime/model.h"

namespace cudet {
namespace {

constexpr int kMostThreads = 1024;
constexpr std::size_t kProgramsKept = 8;  // batches and sizes met last

double milliseconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

void check_frame(const Frame& frame) {
  if (!frame.data) throw Error("a frame without data");
  if (frame.width < 1 || frame.height < 1)
    throw Error("a frame of " + std::to_string(frame.width) + "x" + std::to_string(frame.height) + " pixels");
  if (frame.format > PixelFormat::grey) throw Error("a frame of an unknown pixel format");
  const std::ptrdiff_t row = static_cast<std::ptrdiff_t>(frame.width) * channels(frame.format);
  if (frame.stride > -row && frame.stride < row) throw Error("a frame whose row stride is less than a row");
}

void check_options(const DetectOptions& options, int classes) {
  if (!(options.confidence >= 0 && options.confidence <= 1)) throw Error("confidence must be from 0 to 1");
  if (!(options.iou >= 0 && options.iou <= 1)) throw Error("iou must be from 0 to 1");
  if (options.max_detections < 1) throw Error("max_detections must be at least 1");
  for (const int c : options.classes)
    if (c < 0 || c >= classes)
      throw Error("class " + std::to_string(c) + " is not one of the model's " + std::to_string(classes));
}

Size check_input(const DetectorOptions& options, const Model& model) {
  const Size size = options.input.height == 0 && options.input.width == 0 ? model.input_size() : options.input;
  if (size.height < 1 || size.width < 1 || size.height > kMostInput || size.width > kMostInput)
    throw Error("an input of " + std::to_string(size.height) + "x" + std::to_string(size.width) + " pixels: 1 to " +
                std::to_string(kMostInput) + " are possible");
  const Size rounded{round_up(size.height, model.stride()), round_up(size.width, model.stride())};
  try {
    infer_extents(model.impl().graph, {rounded.height, rounded.width});
  } catch (const Error& error) {
    throw Error(model.path() + ": " + error.what());
  }
  return rounded;
}

int check_threads(int threads) {
  if (threads < 0 || threads > kMostThreads) throw Error("threads must be from 0 to " + std::to_string(kMostThreads));
  return threads > 0 ? threads : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

Device check_device(Device device) {
  if (device == Device::cuda) throw Error("device cuda: this build has no CUDA executor");
  return Device::cpu;
}

/// Memory that the system could give at best: asking for more than that may succeed and end the process later.
std::size_t physical_memory() {
  return static_cast<std::size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<std::size_t>(sysconf(_SC_PAGE_SIZE));
}

}  // namespace

struct Detector::Impl {
  Impl(Model given, const DetectorOptions& options)
      : model(std::move(given)),
        device(check_device(options.device)),
        fit(options.fit),
        input(check_input(options, model)),
        executor(check_threads(options.threads)),
        wanted(model.names().size()) {}

  /// What runs `batch` pictures of this size: kept from before, or compiled. The arena has room for it.
  const Program& program(int batch, Extent size) {
    const auto known = std::find_if(programs.begin(), programs.end(), [&](const auto& p) {
      return p->batch == batch && p->input_size.h == size.h && p->input_size.w == size.w;
    });
    if (known != programs.end()) {
      std::rotate(programs.begin(), known, known + 1);  // most recently used first
      return *programs.front();
    }
    auto compiled = std::make_unique<Program>(compile(model.impl().graph, model.impl().weights, batch, size));
    if (compiled->memory.bytes > physical_memory())
      throw Error("out of memory: " + std::to_string(compiled->memory.bytes >> 20) + " MB are needed for " +
                  std::to_string(batch) + " pictures of " + std::to_string(size.h) + "x" + std::to_string(size.w));
    if (compiled->memory.bytes > arena.bytes()) {
      programs.clear();  // should there be no memory for the larger arena, they have none
      arena = Buffer();  // first, so that both are never held
      arena = Buffer(compiled->memory.bytes);
    }
    candidates.resize(std::max(candidates.size(), static_cast<std::size_t>(compiled->output.w)));
    if (programs.size() == kProgramsKept) programs.pop_back();
    programs.insert(programs.begin(), std::move(compiled));
    return *programs.front();
  }

  /// The network's input for these frames.
  Extent input_for(std::span<const Frame> frames) const {
    const Extent whole{input.height, input.width};
    const Frame& first = frames.front();
    const bool equal = std::all_of(frames.begin(), frames.end(),
                                   [&](const Frame& f) { return f.width == first.width && f.height == first.height; });
    return fit == Fit::least && equal ? least_input(first.width, first.height, whole, model.stride()) : whole;
  }

  /// Where a frame lies in a program's input.
  Placement place(const Frame& frame, const Program& program) const {
    return cudet::fit(frame.width, frame.height, {input.height, input.width}, program.input_size);
  }

  void run_nms(const Program& program, const Memory& memory, int image, const Frame& frame,
               const DetectOptions& options, Result& result);
  void copy_output(const Program& program, const Memory& memory, int image, RawOutput& raw) const;

  Model model;
  Device device;
  Fit fit;
  Size input;
  CpuExecutor executor;
  std::vector<std::unique_ptr<Program>> programs;
  Buffer arena;
  std::vector<Candidate> candidates;
  std::vector<std::uint8_t> wanted;  // flags, one a class
  std::mutex mutex;
};

void Detector::Impl::run_nms(const Program& program, const Memory& memory, int image, const Frame& frame,
                             const DetectOptions& options, Result& result) {
  const Tensor& output = program.output;
  const Nms nms{arena_data<float>(memory, output) + output.pixel(image, 0, 0),
                output.w,
                output.c - 4,
                options.classes.empty() ? nullptr : wanted.data(),
                options.confidence,
                options.iou,
                options.agnostic,
                options.max_detections};
  const int count = nms_cpu(nms, candidates.data());
  const Placement at = place(frame, program);
  const double gain_x = static_cast<double>(at.width) / frame.width;
  const double gain_y = static_cast<double>(at.height) / frame.height;
  const auto to_picture = [](float corner, int margin, double gain, int size) {
    return static_cast<float>(
        std::clamp((static_cast<double>(corner) - margin) / gain, 0.0, static_cast<double>(size)));
  };
  const auto x = [&](float corner) { return to_picture(corner, at.left, gain_x, frame.width); };
  const auto y = [&](float corner) { return to_picture(corner, at.top, gain_y, frame.height); };
  result.detections.reserve(static_cast<std::size_t>(count));
  for (const Candidate& c : std::span(candidates.data(), static_cast<std::size_t>(count)))
    result.detections.push_back({x(c.x1), y(c.y1), x(c.x2), y(c.y2), c.score, c.class_id});
}

void Detector::Impl::copy_output(const Program& program, const Memory& memory, int image, RawOutput& raw) const {
  const Tensor& y = program.output;
  raw.input = {program.input_size.h, program.input_size.w};
  raw.channels = y.c;
  raw.anchors = y.w;
  const float* rows = arena_data<float>(memory, y) + y.pixel(image, 0, 0);
  raw.values.resize(static_cast<std::size_t>(y.c) * static_cast<std::size_t>(y.w));
  for (int c = 0; c < y.c; ++c)
    for (int a = 0; a < y.w; ++a)
      raw.values[static_cast<std::size_t>(c) * y.w + a] = rows[static_cast<std::size_t>(a) * y.pitch + c];
}

Detector::Detector(Model model, DetectorOptions options) {
  try {
    impl_ = std::make_unique<Impl>(std::move(model), options);
  } catch (const std::bad_alloc&) {
    throw Error("out of memory for a detector");
  } catch (const std::system_error&) {
    throw Error("the system has not enough threads");
  }
}

Detector::~Detector() = default;
Detector::Detector(Detector&&) noexcept = default;
Detector& Detector::operator=(Detector&&) noexcept = default;

Size Detector::input() const {
  return impl_->input;
}

Device Detector::device() const {
  return impl_->device;
}

Result Detector::detect(const Frame& frame, const DetectOptions& options) {
  return std::move(detect(std::span(&frame, 1), options).front());
}

std::vector<Result> Detector::detect(std::span<const Frame> frames, const DetectOptions& options,
                                     std::vector<RawOutput>* raw) {
  Impl& d = *impl_;
  check_options(options, static_cast<int>(d.model.names().size()));
  for (std::size_t i = 0; i < frames.size(); ++i) {
    try {
      check_frame(frames[i]);
    } catch (const Error& error) {
      throw Error((frames.size() > 1 ? "frame " + std::to_string(i) + ": " : "") + error.what());
    }
  }
  if (raw) raw->clear();
  if (frames.empty()) return {};
  const std::lock_guard lock(d.mutex);
  try {
    std::vector<Result> results(frames.size());
    const Program& program = d.program(static_cast<int>(frames.size()), d.input_for(frames));
    const Memory memory{d.arena.data(), d.model.impl().weights.bytes.data()};
    std::fill(d.wanted.begin(), d.wanted.end(), std::uint8_t{0});
    for (const int c : options.classes) d.wanted[static_cast<std::size_t>(c)] = 1;

    using Clock = std::chrono::steady_clock;
    for (std::size_t i = 0; i < frames.size(); ++i) {
      const auto start = Clock::now();
      const Letterbox letterbox{frames[i], d.place(frames[i], program), program.input, static_cast<int>(i)};
      d.executor.pool().for_tiles(letterbox.tiles(),
                                  [&](int first, int last) { letterbox_cpu(letterbox, memory, first, last); });
      results[i].ms.letterbox = milliseconds_since(start);
      if (raw) {
        const float* pixels = arena_data<float>(memory, program.input) + program.input.pixel(static_cast<int>(i), 0, 0);
        raw->emplace_back().pixels.assign(pixels, pixels + program.input.pixel(1, 0, 0));
      }
    }
    const auto start = Clock::now();
    d.executor.run(program, memory);
    const double network = milliseconds_since(start) / static_cast<double>(frames.size());
    for (std::size_t i = 0; i < frames.size(); ++i) {
      const auto nms_start = Clock::now();
      d.run_nms(program, memory, static_cast<int>(i), frames[i], options, results[i]);
      results[i].ms.network = network;
      results[i].ms.nms = milliseconds_since(nms_start);
      if (raw) d.copy_output(program, memory, static_cast<int>(i), (*raw)[i]);
    }
    return results;
  } catch (const std::bad_alloc&) {
    throw Error("out of memory for a batch of " + std::to_string(frames.size()));
  }
}

}  // namespace cudet
